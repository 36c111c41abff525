// The page by which an admin looks after users. It does what curl can do, by the same routes.

const kPageSize = 50;
const kTypingPause = 200; // milliseconds

const $ = id => document.getElementById(id);
const here = path => new URL("../" + path, document.baseURI);
const userPath = name => "users/" + encodeURIComponent(name);

/** An answer that is an error, with a sentence for a person. */
class Refused extends Error {
  constructor(answer, status) {
    const sentences = new Set(Object.values(answer.fields ?? {}));
    super([answer.error ?? `The site answered ${status}.`, ...sentences].join(". "));
  }
}

/** Asks the API. Throws Refused, or what fetch throws if there is no answer. */
async function ask(method, path, body) {
  const response = await fetch(here(path), {
    method,
    headers: { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  if (response.status === 401) {
    location.assign(here("login?notice=login_required&rd=" + encodeURI(location.pathname)));
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer, response.status);
  return answer;
}

function show(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

/** Those parts that there are, each on one line. */
function showParts(element, parts) {
  const spans = parts.filter(Boolean).map(part => {
    const span = document.createElement("span");
    span.textContent = part;
    return span;
  });
  element.replaceChildren(...spans.flatMap((span, i) => (i === 0 ? [span] : [" · ", span])));
}

function sentenceOf(error) {
  return error instanceof Refused ? error.message : "The site does not answer. Try again.";
}

/** Does what a person asked for, once, and says in `place` what went wrong. Whether it was done. */
async function attempt(place, work) {
  show(place, "");
  try {
    await work();
    return true;
  } catch (error) {
    show(place, sentenceOf(error));
    return false;
  }
}

/** Says what was done or is to be done; with `action`, a button that does something about it. */
function notify(text, answer = {}, action = null) {
  const later = answer.sync === "pending" ? " It is safe here, and reaches the bin later." : "";
  $("notice-text").textContent = text + later;
  $("notice").hidden = false;
  $("action").hidden = !action;
  $("action").textContent = action?.label ?? "";
  $("action").onclick = action?.work;
}

const stateOf = user => (user.waiting ? "waits for approval" : user.disabled ? "disabled" : "");
const day = time => (time ?? "").slice(0, 10);

// The list of users.

let next = null; // after whom the next page begins; null: there is none
let asked = 0; // how many lists were asked for; the last one counts

function fillRow(row, user) {
  row.querySelector("bdi").textContent = user.username;
  showParts(row.querySelector(".hint"),
    [user.role, stateOf(user), user.created_at && "since " + day(user.created_at)]);
  for (const [name, does] of [["approve", approve], ["refuse", remove], ["manage", manage]]) {
    const button = row.querySelector("." + name);
    button.hidden = name !== "manage" && !user.waiting;
    button.setAttribute("aria-label", `${button.textContent} ${user.username}`);
    button.onclick = () => does(user);
  }
}

function rowOf(user) {
  const row = $("user-row").content.firstElementChild.cloneNode(true);
  row.dataset.name = user.username;
  fillRow(row, user);
  return row;
}

const shownRow = name => [...$("users").children].find(row => row.dataset.name === name);

function count() {
  const shown = $("users").children.length;
  const people = shown === 1 ? "1 user" : `${shown} users`;
  $("count").textContent = shown === 0 ? "Nobody." : next === null ? `${people}.` : `The first ${people}.`;
  $("more").hidden = next === null;
}

/** Shows the first page of whom the form asks for, or one more. */
async function list(after = "") {
  const number = ++asked;
  const query = new URLSearchParams($("show").value);
  query.set("q", $("prefix").value.trim());
  query.set("after", after);
  query.set("limit", kPageSize);
  await attempt($("error"), async () => {
    const page = await ask("GET", "users?" + query);
    if (number !== asked) return;
    next = page.next;
    const rows = page.users.map(rowOf);
    if (after) $("users").append(...rows);
    else $("users").replaceChildren(...rows);
    count();
    if (after) rows[0]?.querySelector(".manage").focus();
  });
}

/** Shows what became of a user: his row stays where it is. */
async function refresh(name) {
  const user = await ask("GET", userPath(name));
  const row = shownRow(name);
  if (row) fillRow(row, user);
  return user;
}

async function approve(user) {
  await attempt($("error"), async () => {
    const answer = await ask("PATCH", userPath(user.username), { disabled: false });
    await refresh(user.username);
    notify(`${user.username} is let in.`, answer);
    shownRow(user.username)?.querySelector(".manage").focus();
  });
}

/** Asks whether to delete a user, or to refuse one who waits. */
function remove(user) {
  const verb = user.waiting ? "Refuse" : "Delete";
  $("sure-title").textContent = `${verb} ${user.username}?`;
  $("sure-text").textContent = user.waiting
    ? "The account is deleted. For 30 days this can be undone."
    : "All sessions end. For 30 days this can be undone.";
  $("sure-yes").textContent = verb;
  $("sure").returnValue = "no";
  $("sure").onclose = () => $("sure").returnValue === "yes" && reallyRemove(user);
  $("sure").showModal();
}

async function reallyRemove(user) {
  const place = $("user").open ? messageIn($("user")) : $("error");
  await attempt(place, async () => {
    const answer = await ask("DELETE", userPath(user.username));
    $("user").close();
    shownRow(user.username)?.remove();
    count();
    const done = user.waiting ? "refused" : "deleted";
    notify(`${user.username} is ${done}.`, answer, { label: "Undo", work: () => restore(user.username) });
    $("action").focus();
  });
}

async function restore(name) {
  await attempt($("error"), async () => {
    const answer = await ask("POST", userPath(name) + "/restore");
    await list();
    notify(`${name} is back.`, answer);
    (shownRow(name)?.querySelector(".manage") ?? $("prefix")).focus();
  });
}

/** Tells an admin who comes to the page of people who wait for him. */
async function lookForWaiting() {
  const page = await ask("GET", "users?waiting=1&limit=1");
  if (page.users.length === 0 || !$("notice").hidden) return;
  notify("Somebody waits for approval.", {}, {
    label: "Show who",
    work: () => {
      $("notice").hidden = true;
      $("show").value = "waiting=1";
      $("show").focus();
      list();
    },
  });
}

// One user.

let managed = null;

const messageIn = dialog => dialog.querySelector(".message");

function fact(name, value) {
  const [term, description] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = name;
  description.textContent = value;
  return [term, description];
}

function fillDialog(user) {
  managed = user;
  $("password-of").value = user.username;
  $("user-name").textContent = user.username;
  $("user-facts").replaceChildren(
    ...fact("State", stateOf(user) || "let in"),
    ...(user.created_at ? fact("Since", day(user.created_at)) : []));
  $("role").value = user.role;
  $("toggle").textContent = user.waiting ? "Approve" : user.disabled ? "Enable" : "Disable";
  $("remove").textContent = user.waiting ? "Refuse" : "Delete";
}

function manage(user) {
  fillDialog(user);
  $("user-password").reset();
  show(messageIn($("user")), "");
  $("user").showModal();
}

/** Changes the user of the dialog, and closes it. */
async function change(patch, done) {
  await attempt(messageIn($("user")), async () => {
    const name = managed.username;
    const answer = await ask("PATCH", userPath(name), patch);
    fillDialog(await refresh(name));
    $("user").close();
    notify(`${name} ${done}.`, answer);
  });
}

// Invitations.

function invitationRow(invitation) {
  const row = $("invitation-row").content.firstElementChild.cloneNode(true);
  row.querySelector(".name").textContent = `Role ${invitation.role}`;
  showParts(row.querySelector(".hint"),
    [invitation.created_by && "by " + invitation.created_by, "until " + day(invitation.expires_at)]);
  const button = row.querySelector(".revoke");
  button.setAttribute("aria-label",
    `Revoke the invitation with the role ${invitation.role}, until ${day(invitation.expires_at)}`);
  button.onclick = () => attempt($("error"), async () => {
    await ask("DELETE", "invitations/" + encodeURIComponent(invitation.id));
    if ($("link-text").dataset.id === invitation.id) $("link").hidden = true;
    await listInvitations();
    notify("The invitation is good no more.");
    $("invite-role").focus();
  });
  return row;
}

async function listInvitations() {
  const answer = await ask("GET", "invitations");
  $("invitations").replaceChildren(...answer.invitations.map(invitationRow));
}

async function invite() {
  await attempt($("error"), async () => {
    const made = await ask("POST", "invitations", {
      role: $("invite-role").value,
      days: Number($("invite-days").value),
    });
    $("link-text").value = new URL(made.link, document.baseURI).href;
    $("link-text").dataset.id = made.id;
    $("copied").textContent = "";
    $("link").hidden = false;
    $("copy").focus();
    await listInvitations();
  });
}

async function copy() {
  $("link-text").select();
  try {
    await navigator.clipboard.writeText($("link-text").value);
    $("copied").textContent = "Copied.";
  } catch {
    $("copied").textContent = "Your browser does not let us copy. The link is selected: copy it by its menu or keys.";
  }
}

// What a person does.

const onSubmit = (form, work) => form.addEventListener("submit", event => {
  event.preventDefault();
  work();
});

let typing = 0;
$("prefix").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => list(), kTypingPause);
});
$("show").addEventListener("change", () => list());
onSubmit($("search"), () => list());
$("more").addEventListener("click", () => list(next));

onSubmit($("user-role"), () => change({ role: $("role").value }, `has the role ${$("role").value}`));
onSubmit($("user-password"), () => change({ password: $("password").value }, "has a new password"));
$("toggle").addEventListener("click", () => change(
  { disabled: !managed.disabled },
  managed.waiting ? "is let in" : managed.disabled ? "is enabled" : "is disabled"));
$("remove").addEventListener("click", () => remove(managed));
$("close").addEventListener("click", () => $("user").close());

$("add").addEventListener("click", () => {
  show(messageIn($("new-user")), "");
  $("new-user").showModal();
});
$("new-user-cancel").addEventListener("click", () => $("new-user").close());
onSubmit($("new-user-form"), () => attempt(messageIn($("new-user")), async () => {
  const name = $("new-name").value;
  const answer = await ask("POST", "users", {
    username: name,
    password: $("new-password").value,
    role: $("new-role").value,
  });
  $("new-user").close();
  $("new-user-form").reset();
  await list();
  notify(`${name} is added.`, answer);
}));

onSubmit($("invite"), invite);
$("copy").addEventListener("click", copy);

$("page").hidden = false;
list();
attempt($("error"), listInvitations);
attempt($("error"), lookForWaiting);
