#include "auth/foreign_hash.h"

#include "support/catch.h"

namespace userbin::auth {

namespace {

bool verifies(const std::string& hash, const std::string& password) {
  return verify_foreign_hash(hash, base::SecretString(password));
}

const std::string kKey = "5ef5655c3880983f563aa9c95317beb957febf79a6382d22acd51d398a6b4746";
const std::string kB64Key = "99bV+pKqUWKQUi1d2HhkR3ILvGqybbv4Jxx1sMp8D6s";

}  // namespace

// Made with Python's crypt module (libxcrypt 4.4.33), `openssl passwd`, hashlib.pbkdf2_hmac() and
// hashlib.scrypt(), the last two written out in the formats of the programs named.
TEST_CASE("a password verifies against its hash in every scheme that people bring along") {
  const auto [scheme, hash] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {"bcrypt", "$2a$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"},
      {"bcrypt", "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"},
      {"bcrypt", "$2y$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"},
      {"sha256-crypt", "$5$rounds=1000$saltsalt$DoN2WcBhpG46VIH/EyfZvcagZwm42q0Yk.N4cUSDxm1"},
      {"sha256-crypt", "$5$saltsalt$lJBntEo62mus/ovk43htFvkabtoMEkzjosQqenAm4h8"},
      {"sha512-crypt",
       "$6$rounds=1000$saltsalt$cR7uED9S9icrxa11Lj7F5D."
       "7U8449gpqBXyD2HSpuHRpxCc17kJRpsJMsHp434Y8yykg"
       "mcefOmxgCH44Cw7tW/"},
      {"sha512-crypt",
       "$6$saltsalt$G9wFFnnUFCPffgjGaIp8t6onbqx3zGbMIn93ecLfBFGJpBV3/"
       "0HPLZ17qYbjb.WJDtXbmuMlQ9NnvzVm"
       "s5ZXj."},
      {"Apache's MD5", "$apr1$saltsalt$ZdO9ajrUOSz9es9I0fQZB."},
      {"Apache's MD5", "$apr1$ab$oxgQF74Ii96vKJ6O26uvN/"},
      {"yescrypt", "$y$j75$abcdefghijklmnop$nV.iR3BaEQ7YCde0cPPwjq87psdEdo5Atjf2l7oW1m2"},
      {"yescrypt", "$y$j9T$abcdefghijklmnop$F7kfVk.oOhV81K9PnQ5GcZ31QaSOFBtNI3Y3euDcm9C"},
      {"scrypt, crypt(3)",
       "$7$66..../....SodiumChloride$umy4KrbZ9RGUQ52Ive2Wf.TiT28XYJPL0gfYXbFjzmB"},
      {"scrypt, PHC",
       "$scrypt$ln=10,r=8,p=1$8PHy8/T19vf4+fr7/P3+/w$zdWXfebW48qpDIyV/OsnYx1cVBOtqx9sY7UkdRUaRn8"},
      {"scrypt, Werkzeug", "scrypt:1024:8:1$NaClsalt$" + kKey +
                               "45aa4b9e431fefe8db0ee7d88ec930955b24809ddaf68bf3b0747d69e72d7459"},
      {"scrypt, Werkzeug",
       "scrypt:256:4:3$NaClsalt$d2ddf080fa8671848c2a67bbef04f0aae37bfb5ef388ab58fc1a85acecc346089"
       "6d65ec84be4fa5c2c03eab6c44c4ae0ee004e4e821aa1af881985bfc37d82e9"},
      {"PBKDF2, PHC",
       "$pbkdf2-sha1$i=1000,l=20$8PHy8/T19vf4+fr7/P3+/w$2DNX40nbdH77gy40BOl7GYl+sJg"},
      {"PBKDF2, PHC", "$pbkdf2-sha256$i=1000,l=32$8PHy8/T19vf4+fr7/P3+/w$" + kB64Key},
      {"PBKDF2, PHC",
       "$pbkdf2-sha512$i=1000,l=64$8PHy8/T19vf4+fr7/P3+/"
       "w$hWACBuAy41PVaxHMuJVNcqtn6FQe+C1dQ2Bt7XPgCB"
       "GLkHEHHdKxW4fzTWC2O9wKVcIX9e3QYMxwnO23HUbLDg"},
      {"PBKDF2, passlib", "$pbkdf2$1000$8PHy8/T19vf4.fr7/P3./w$2DNX40nbdH77gy40BOl7GYl.sJg"},
      {"PBKDF2, passlib",
       "$pbkdf2-sha256$1000$8PHy8/T19vf4.fr7/P3./w$99bV.pKqUWKQUi1d2HhkR3ILvGqybbv4Jxx1sMp8D6s"},
      {"PBKDF2, passlib",
       "$pbkdf2-sha512$1000$8PHy8/T19vf4.fr7/P3./"
       "w$hWACBuAy41PVaxHMuJVNcqtn6FQe.C1dQ2Bt7XPgCBGLkHEHH"
       "dKxW4fzTWC2O9wKVcIX9e3QYMxwnO23HUbLDg"},
      {"PBKDF2, Werkzeug", "pbkdf2:sha1:1000$NaClsalt$3a7cb51cc883dd689bcd3d340d92301caa0d9223"},
      {"PBKDF2, Werkzeug",
       "pbkdf2:sha256:1000$NaClsalt$"
       "8865b7dfab554510a9518ea5e370460835f09c93ac8b7b8ac8dbcdd7831565ee"},
      {"PBKDF2, Werkzeug",
       "pbkdf2:sha512:1000$NaClsalt$"
       "da80d0af5a748e7019d754fdff1bf5a4b294382f9096e13cd37d84872520e96b"
       "a067eea663ce01ab295952fb0a6dffe6c5b5bbf88b9386400f455d407534d929"},
      {"PBKDF2, Django", "pbkdf2_sha1$1000$NaClsalt$Ony1HMiD3WibzT00DZIwHKoNkiM="},
      {"PBKDF2, Django",
       "pbkdf2_sha256$1000$NaClsalt$iGW336tVRRCpUY6l43BGCDXwnJOsi3uKyNvN14MVZe4="},
  }));
  CAPTURE(scheme, hash);
  CHECK(is_known_foreign_hash(hash));
  CHECK(is_usable_foreign_hash(hash));
  CHECK(verifies(hash, "correct horse battery"));
  CHECK_FALSE(verifies(hash, "correct horse batterx"));
  CHECK_FALSE(verifies(hash, "correct horse battery "));
  CHECK_FALSE(verifies(hash, ""));
  CHECK_FALSE(verifies(hash, std::string("correct horse battery\0", 22)));

  // Cut anywhere before the first 128 bits of the key are complete, a hash is broken.
  const std::size_t end = hash.rfind('$') + 20;
  for (std::size_t length = 0; length < end; length += 3) {
    CAPTURE(length);
    CHECK_FALSE(verifies(hash.substr(0, length), "correct horse battery"));
    CHECK_FALSE(is_usable_foreign_hash(hash.substr(0, length)));
  }
}

// Made with `openssl passwd -apr1 -salt saltsalt`.
TEST_CASE("Apache's MD5 verifies for passwords of any length, but not beyond what crypt(3) takes") {
  const auto [hash, password] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {"$apr1$saltsalt$a8ml/vK5HEjiZ5oypDWA7/", ""},
      {"$apr1$saltsalt$Q17bmANhIA7pctgRGqF/S0", "x"},
      {"$apr1$saltsalt$8jYzg0TlBNOUMkIq5zJFw0", "p\u00E4ssw\u00F6rter \u5BC6\u7801"},
      {"$apr1$saltsalt$P/rQQPKtxGlre3fbAfUq3.", "0123456789abcdef0123456789abcdef0123"},
  }));
  CAPTURE(hash);
  CHECK(verifies(hash, password));
  CHECK_FALSE(verifies(hash, password + "y"));
  CHECK_FALSE(verifies(hash, std::string(513, 'x')));
}

TEST_CASE("hashes that others have published verify") {
  const auto [hash, password] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},  // crypt_blowfish
      {"$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
       "pleaseletmein"},  // RFC 7914, section 12, as crypt(3) writes it
      {"$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
       "password"},  // passlib's manual
      {"$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk",
       "toomanysecrets"},  // passlib's manual
  }));
  CAPTURE(hash);
  CHECK(verifies(hash, password));
  CHECK_FALSE(verifies(hash, password + "x"));
}

TEST_CASE("a password beyond ASCII verifies in UTF-8") {
  const auto hash =
      GENERATE(as<std::string>{}, "$2b$04$abcdefghijklmnopqrstuuo1KtFSjqOU1tkJheH1vKHacrg8Wk0Xq",
               "pbkdf2:sha256:1000$NaClsalt$"
               "e81688498b72ee37b4cb3e24585f12e1e340eb87283199fd5ba4c08dbb9f4c07");
  CHECK(verifies(hash, "p\u00E4ssw\u00F6rter \u5BC6\u7801"));
  CHECK_FALSE(verifies(hash, "passworter \u5BC6\u7801"));
}

TEST_CASE("a hash that would cost more than any sane setting verifies nothing, and quickly") {
  const auto hash = GENERATE_COPY(
      as<std::string>{}, "$2b$17$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
      "$2b$31$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
      "$2b$99$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
      "$2b$4294967300$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
      "$5$rounds=5000001$saltsalt$DoN2WcBhpG46VIH/EyfZvcagZwm42q0Yk.N4cUSDxm1",
      "$6$rounds=999999999$saltsalt$DoN2WcBhpG46VIH/EyfZvcagZwm42q0Yk.N4cUSDxm1",
      "$6$rounds=99999999999999999999999999$saltsalt$x", "$6$rounds=-1$saltsalt$x",
      "$7$J6..../....SodiumChloride$umy4KrbZ9RGUQ52Ive2Wf.TiT28XYJPL0gfYXbFjzmB",  // 2 GiB
      "$7$zzzzzzzzzzzSodiumChloride$umy4KrbZ9RGUQ52Ive2Wf.TiT28XYJPL0gfYXbFjzmB",  //
      "$7$66....zzzz.SodiumChloride$umy4KrbZ9RGUQ52Ive2Wf.TiT28XYJPL0gfYXbFjzmB",  // p
      "$y$jGT$abcdefghijklmnop$F7kfVk.oOhV81K9PnQ5GcZ31QaSOFBtNI3Y3euDcm9C",       // 2 GiB
      "$y$jzz$abcdefghijklmnop$F7kfVk.oOhV81K9PnQ5GcZ31QaSOFBtNI3Y3euDcm9C",       //
      "$y$j9T0zzz$abcdefghijklmnop$F7kfVk.oOhV81K9PnQ5GcZ31QaSOFBtNI3Y3euDcm9C",   // t
      "$scrypt$ln=40,r=8,p=1$8PHy8w$" + kB64Key, "$scrypt$ln=64,r=8,p=1$8PHy8w$" + kB64Key,
      "$scrypt$ln=20,r=9,p=1$8PHy8w$" + kB64Key, "$scrypt$ln=20,r=8,p=2$8PHy8w$" + kB64Key,
      "$scrypt$ln=10,r=8,p=1073741823$8PHy8w$" + kB64Key,
      "scrypt:18446744073709551615:8:1$NaClsalt$" + kKey,
      "scrypt:9223372036854775808:2:1$NaClsalt$" + kKey,
      "scrypt:1024:18446744073709551615:1$NaClsalt$" + kKey,
      "scrypt:1024:8:18446744073709551615$NaClsalt$" + kKey,
      "scrypt:99999999999999999999999999:8:1$NaClsalt$" + kKey,
      "pbkdf2:sha256:10000001$NaClsalt$" + kKey, "pbkdf2:sha256:4294968296$NaClsalt$" + kKey,
      "pbkdf2:sha256:99999999999999999999999999$NaClsalt$" + kKey,
      "$pbkdf2-sha256$4294967295$8PHy8w$" + kB64Key,
      "$pbkdf2-sha256$1000$8PHy8w$" + std::string(100'000, 'A'),
      "pbkdf2_sha256$4294967295$NaClsalt$" + kB64Key);
  CAPTURE(hash);
  CHECK_FALSE(is_usable_foreign_hash(hash));
  CHECK_FALSE(verifies(hash, "correct horse battery"));
}

TEST_CASE("a broken hash verifies nothing") {
  const auto hash = GENERATE_COPY(
      as<std::string>{}, "$2b$", "$2b$$", "$2b$04$", "$2b$04$abc", "$2b$4$abcdefghijklmnopqrstuu",
      "$2b$-4$abcdefghijklmnopqrstuu", "$2b$xx$abcdefghijklmnopqrstuu", "$2b$04$abc$def", "$5$",
      "$5$$", "$5$rounds=$saltsalt$", "$5$rounds=x$saltsalt$x", "$5$rounds=1000", "$6$", "$6$a:b$x",
      "$6$saltsalt$*", "$7$", "$7$6", "$7$66..../...", "$7$!6..../....SodiumChloride$x",
      "$7$6...../....SodiumChloride$x", "$7$66.........SodiumChloride$x", "$y$", "$y$j", "$y$j9T",
      "$y$j9T$", "$y$j9T$$", "$y$j!T$abcdefghijklmnop$x", "$y$.9T$abcdefghijklmnop$x", "$scrypt$",
      "$scrypt$$$", "$scrypt$ln=,r=,p=$$", "$scrypt$ln=10,r=8$8PHy8w$" + kB64Key,
      "$scrypt$ln=10,r=0,p=1$8PHy8w$" + kB64Key, "$scrypt$ln=10,r=8,p=0$8PHy8w$" + kB64Key,
      "$scrypt$ln=0,r=8,p=1$8PHy8w$" + kB64Key, "$scrypt$ln=10,r=8,p=1$!$" + kB64Key,
      "$scrypt$ln=10,r=8,p=1$8PHy8w$", "$scrypt$ln=10,r=8,p=1$8PHy8w$AA",
      "scrypt:", "scrypt:1024:8$NaClsalt$" + kKey, "scrypt:1000:8:1$NaClsalt$" + kKey,
      "scrypt:0:8:1$NaClsalt$" + kKey, "scrypt:1024:8:1$NaClsalt$", "scrypt:1024:8:1$NaClsalt$xyz",
      "scrypt:1024:8:1$NaClsalt", "$pbkdf2", "$pbkdf2$", "$pbkdf2-$$$", "$pbkdf2-sha256$$$",
      "$pbkdf2-sha256$i=$8PHy8w$" + kB64Key, "$pbkdf2-sha256$0$8PHy8w$" + kB64Key,
      "$pbkdf2-sha256$-1$8PHy8w$" + kB64Key, "$pbkdf2-none$1000$8PHy8w$" + kB64Key,
      "$pbkdf2-sha256$1000$8PHy8w$", "$pbkdf2-sha256$1000$8PHy8w$AAAA",
      "$pbkdf2-sha256$1000$\xFF$" + kB64Key, "pbkdf2:", "pbkdf2:sha256$NaClsalt$" + kKey,
      "pbkdf2:sha256:$NaClsalt$" + kKey, "pbkdf2:sha256:1000$NaClsalt$" + kKey.substr(1),
      "pbkdf2:sha256:1000$NaClsalt$", "pbkdf2::1000$NaClsalt$" + kKey, "pbkdf2_sha256",
      "pbkdf2_sha256$1000$NaClsalt", "pbkdf2_sha256$1000$NaClsalt$", "pbkdf2_sha256$$$",
      "pbkdf2_shake128$1000$NaClsalt$" + kB64Key, "$apr1$", "$apr1$$", "$apr1$$$", "$apr1$saltsalt",
      "$apr1$saltsaltsalt$ZdO9ajrUOSz9es9I0fQZB.", "$apr1$$ZdO9ajrUOSz9es9I0fQZB.",
      "$apr1$a$b$ZdO9ajrUOSz9es9I0fQZB.");
  CAPTURE(hash);
  CHECK_FALSE(verifies(hash, "correct horse battery"));
  CHECK_FALSE(verifies(hash, ""));
}

TEST_CASE("schemes that are too weak or unknown are not known") {
  const auto hash =
      GENERATE(as<std::string>{}, "", "!", "$1$salt$hash", "$apr2$salt$hash", "$2x$04$", "$3$$hash",
               "$md5$", "{SSHA}x", "ab1CdefGhIjkL", "$gy$j9T$x$y", "y$", " $2b$04$",
               "SCRYPT:1024:8:1$a$b", "$argon2id$v=19$m=8,t=1,p=1$a$b");
  CAPTURE(hash);
  CHECK_FALSE(is_known_foreign_hash(hash));
  CHECK_FALSE(verifies(hash, "correct horse battery"));
}

}  // namespace userbin::auth
