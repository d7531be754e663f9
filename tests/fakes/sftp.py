"""A real SFTP server on loopback that shows one folder, and counts what it is asked; writable if told so."""

import os
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paramiko


@dataclass
class Served:
    """A running server, and what a client needs for it."""

    port: int
    host_key: paramiko.PKey
    opened: list[str] = field(default_factory=list)
    on_open: object = None
    on_write: object = None

    def known_hosts(self, path, key=None):
        """Write a known_hosts file that holds this server's key, or another."""
        key = key or self.host_key
        path.write_text(f"[127.0.0.1]:{self.port} {key.get_name()} {key.get_base64()}\n")
        return path


def client_key(path):
    """Write a new private key and return its public half."""
    key = paramiko.ECDSAKey.generate()
    key.write_private_key_file(str(path))
    return key


@contextmanager
def serving_sftp(folder, user, accepted, *, writable=False):
    """Run a server for one user with one key; ``on_write`` may raise OSError for a file."""
    listener = socket.create_server(("127.0.0.1", 0))
    served = Served(listener.getsockname()[1], paramiko.ECDSAKey.generate())
    transports = []

    class Login(paramiko.ServerInterface):
        def check_auth_publickey(self, username, key):
            good = username == user and key == accepted
            return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

        def get_allowed_auths(self, username):
            return "publickey"

        def check_channel_request(self, kind, chanid):
            return paramiko.OPEN_SUCCEEDED

    class Files(paramiko.SFTPServerInterface):
        def _real(self, path):
            return Path(folder) / self.canonicalize(path).lstrip("/")

        def list_folder(self, path):
            try:
                return [
                    paramiko.SFTPAttributes.from_stat(entry.stat(follow_symlinks=False), entry.name)
                    for entry in os.scandir(self._real(path))
                ]
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)

        def stat(self, path):
            try:
                return paramiko.SFTPAttributes.from_stat(self._real(path).stat())
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)

        lstat = stat

        def open(self, path, flags, attr):
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return self._written(path, flags)
            served.opened.append(path)
            handle = paramiko.SFTPHandle(flags)
            handle.readfile = self._real(path).open("rb")
            if served.on_open is not None:
                served.on_open(self._real(path))
            return handle

        def _written(self, path, flags):
            if not writable:
                return paramiko.SFTP_PERMISSION_DENIED
            try:
                if served.on_write is not None:
                    served.on_write(self._real(path))
                handle = paramiko.SFTPHandle(flags)
                handle.writefile = self._real(path).open("wb")
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)
            return handle

        def _done(self, change):
            if not writable:
                return paramiko.SFTP_PERMISSION_DENIED
            try:
                change()
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)
            return paramiko.SFTP_OK

        def mkdir(self, path, attr):
            return self._done(self._real(path).mkdir)

        def remove(self, path):
            return self._done(self._real(path).unlink)

        def posix_rename(self, old, new):
            return self._done(lambda: self._real(old).replace(self._real(new)))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(served.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
            transports.append(transport)
            transport.start_server(event=threading.Event(), server=Login())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in transports:
            transport.close()
        thread.join(5)
