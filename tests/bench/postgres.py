"""A PostgreSQL in a folder, with its defaults but for the sockets."""

import glob
import os
import pwd
import subprocess

from support import wait_for


class Postgres:
    def __init__(self, stage):
        self.folder = stage.path / "postgres"
        self.folder.mkdir()
        stage.path.chmod(0o755)
        as_user = []
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        subprocess.run([*as_user, f"{programs}/initdb", "-D", f"{self.folder}/data", "-U", "userbin",
                        "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8"], check=True,
                       stdout=subprocess.DEVNULL)
        stage.start(*as_user, f"{programs}/postgres", "-D", f"{self.folder}/data", "-c",
                    "listen_addresses=", "-c", f"unix_socket_directories={self.folder}")
        wait_for(lambda: self._run("SELECT 1") == 0, "PostgreSQL answers")

    def new_database(self, name):
        """Its URL."""
        self._run(f"CREATE DATABASE {name}")
        return f"postgresql://userbin@/{name}?host={self.folder}"

    def _run(self, sql):
        return subprocess.run(["psql", "-qh", self.folder, "-U", "userbin", "-d", "postgres", "-c",
                               sql], check=False, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode
