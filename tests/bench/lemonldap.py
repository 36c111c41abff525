"""LemonLDAP::NG's FastCGI server with one session, as a yardstick, where Debian's
lemonldap-ng-fastcgi-server is installed."""

import json
import os
import secrets
import shutil
import time

from support import wait_for_listener

PROGRAM = "/usr/sbin/llng-fastcgi-server"
HOST = "test.example.com"
SETTINGS = """[all]
logLevel = error
logger = Lemonldap::NG::Common::Logger::Std
checkTime = 600
[configuration]
type = File
dirName = {folder}/conf
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'conf', 'default_expires_in' => 600, \
    'directory_umask' => '007', 'cache_root' => '{folder}/cache', 'cache_depth' => 3 }}
[portal]
[handler]
status = 0
"""
# As its documentation has it, but for what it tells an application, which there is none.
LOCATIONS = """
        location = /lmauth {{ internal; include /etc/nginx/fastcgi_params; fastcgi_pass_request_body off;
            fastcgi_param CONTENT_LENGTH ""; fastcgi_param HOST $http_host;
            fastcgi_param X_ORIGINAL_URI $request_uri; fastcgi_pass unix:{socket}; }}
        location = /lemonldap {{ auth_request /lmauth; {file} }}"""


def is_installed():
    return os.path.exists(PROGRAM)


def start(stage):
    """(its socket, the headers that bring its session)."""
    folder = stage.path / "llng"
    session = secrets.token_hex(32)
    for name in ("conf", "sessions/lock", "cache"):
        (folder / name).mkdir(parents=True)
    (folder / "llng.ini").write_text(SETTINGS.format(folder=folder))
    (folder / "conf/lmConf-1.json").write_text(json.dumps({
        "cfgNum": 1, "cfgAuthor": "bench", "cfgDate": int(time.time()),
        "cookieName": "lemonldap", "domain": "example.com",
        "portal": "http://auth.example.com/", "securedCookie": 0, "timeout": 72000,
        "whatToTrace": "uid",
        "globalStorage": "Apache::Session::File",
        "globalStorageOptions": {
            "Directory": f"{folder}/sessions", "LockDirectory": f"{folder}/sessions/lock",
            "generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"},
        "localSessionStorage": "Cache::FileCache",
        "localSessionStorageOptions": {"namespace": "sessions", "cache_root": f"{folder}/cache",
                                       "cache_depth": 3},
        "locationRules": {HOST: {"default": "accept"}},
        "exportedHeaders": {HOST: {"Auth-User": "$uid"}}}))
    (folder / "sessions" / session).write_text(json.dumps({
        "_session_id": session, "_session_kind": "SSO", "_utime": int(time.time()),
        "uid": "bench", "ipAddr": "127.0.0.1"}))
    user = []
    if os.getuid() == 0:  # it refuses to run as root
        stage.path.chmod(0o755)
        user = ["-u", "nobody"]
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody")
    process = stage.start(
        PROGRAM, "--foreground", *user, "-s", folder / "socket", "-p", folder / "pid",
        "--plackOptions", "--backlog=4096",  # else it turns 256 clients away
        env=os.environ | {"LLNG_DEFAULTCONFFILE": str(folder / "llng.ini")})
    wait_for_listener(folder / "socket", process)
    return folder / "socket", [f"Host: {HOST}", f"Cookie: lemonldap={session}"]
