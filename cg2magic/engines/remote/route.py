"""The way to a server: directly or through a proxy, with which key, and how its certificate is verified.

httpx reads the environment too, but opens every proxy named there, needed or not, and sends requests for the
person's own machine through them. A key for a server on loopback has no business on a proxy.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from cg2magic.errors import Cg2Error
from cg2magic.models.wording import one_line

#: The only place where a key is looked for. It is read for each request and kept nowhere.
KEY = "CG2MAGIC_API_KEY"

#: Names of this machine in the files of hosts that systems come with.
_HERE = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")

_SCHEMES = ("http", "https", "socks5", "socks5h")


class ServerError(Cg2Error):
    """The server can't be reached, refuses, or answers what can't be understood.

    Attributes
    ----------
    status : int or None
        With which it answered; None where it did not.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        # A lone surrogate, out of somebody's JSON, can't be printed.
        super().__init__(without_key(text).encode(errors="replace").decode())
        self.status = status


@dataclass(frozen=True, slots=True)
class Route:
    """How a server is reached.

    Attributes
    ----------
    proxy : str or None
        Address of the proxy; with the password that may be in it, so it is never shown.
    tls : ssl.SSLContext or None
        None where nothing is encrypted.
    variable : str
        What names the proxy, such as ``"http_proxy"``.
    """

    proxy: str | None = None
    tls: ssl.SSLContext | None = None
    variable: str = ""

    @classmethod
    def to(cls, url: httpx.URL) -> Route:
        """Find the way to a server, as the environment and the system have it.

        Raises
        ------
        ServerError
            A proxy or a file of certificates is named that can't be used.
        """
        proxy, variable = _proxy(url)
        encrypted = url.scheme == "https" or (proxy or "").startswith("https:")
        return cls(proxy, _tls() if encrypted else None, variable)

    @property
    def name(self) -> str:
        """The proxy as a person reads it."""
        host = httpx.URL(self.proxy or "").netloc.decode()
        return f"the proxy {host} ({self.variable})" if self.variable else f"the system's proxy {host}"

    @property
    def password(self) -> str:
        """What lets the person through the proxy, and must not be shown."""
        return httpx.URL(self.proxy or "").password

    def client(self, timeout: httpx.Timeout) -> httpx.AsyncClient:
        """Open it; nothing of the environment is read any more.

        Raises
        ------
        ServerError
            The key or the proxy can't be used.
        """
        key = _key()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        verify = self.tls if self.tls is not None else False  # nothing there that could be verified
        try:
            return httpx.AsyncClient(
                verify=verify, timeout=timeout, headers=headers, proxy=self.proxy, trust_env=False
            )
        except ImportError:
            raise ServerError(
                f"{self.name} speaks SOCKS, for which httpx needs the package socksio: "
                "pip install socksio, or name the server in NO_PROXY"
            ) from None


def without_key(text: str) -> str:
    """Leave the key out of a text, however it is written there."""
    raw = os.environ.get(KEY, "")
    for written in {raw, raw.strip()}:
        for form in (written, repr(written)[1:-1], quote(written, safe="")):
            text = text.replace(form, "…") if len(form) > 1 else text
    return text


def has_key() -> bool:
    """Whether there is a key."""
    return bool(os.environ.get(KEY, "").strip())


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    host = host.strip("[]").rstrip(".").lower()
    if host in _HERE or host.endswith(".localhost"):
        return True
    address = _address(host.partition("%")[0])
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read a numeric address, also in one of the old short forms (``127.1``); None where it is a name."""
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        return getattr(address, "ipv4_mapped", None) or address
    if re.fullmatch(r"[\dxa-f.]+", host):
        with suppress(OSError):
            return ipaddress.IPv4Address(socket.inet_aton(host))
    return None


def _goes_directly(host: str, port: int | None, named: str) -> bool:
    """Whether ``NO_PROXY`` names a host: by name, ending, address or network."""
    if urllib.request.proxy_bypass(host if port is None else f"{host}:{port}"):
        return True
    address = _address(host)
    for name in filter(None, (each.strip().lower() for each in named.split(","))):
        if name == "*" or (name.startswith("*.") and host.lower().endswith(name[1:])):
            return True
        with suppress(ValueError, TypeError):
            if address is not None and address in ipaddress.ip_network(name, strict=False):
                return True
    return False


def _key() -> str:
    # A file that a key comes from ends with a newline, and so does the variable.
    key = os.environ.get(KEY, "").strip()
    if not all("!" <= character <= "~" for character in key):
        raise ServerError(f"the key in {KEY} holds a character that no key has: copy it once more")
    return key


def _proxy(url: httpx.URL) -> tuple[str | None, str]:
    """Give the proxy for a server and the variable that names it."""
    known = urllib.request.getproxies()
    scheme = url.scheme if known.get(url.scheme) else "all"
    address = known.get(scheme, "").strip()
    if not address or is_loopback(url.host) or _goes_directly(url.host, url.port, known.get("no", "")):
        return None, ""
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    variable = next((name for name in names if os.environ.get(name)), "")
    address = address if "://" in address else f"http://{address}"
    said = variable or "your system's settings"
    try:
        parsed = httpx.URL(address)
    except httpx.InvalidURL:
        raise ServerError(f"the proxy in {said} is no address; one is like http://host:3128") from None
    if parsed.scheme == "socks":  # as desktops write it
        parsed = parsed.copy_with(scheme="socks5")
    if parsed.scheme not in _SCHEMES or not parsed.host:
        raise ServerError(
            f"the proxy in {said} is {parsed.scheme}://{parsed.host}, which can't be used: it has to be "
            f"one of {', '.join(_SCHEMES)}; or name the server in NO_PROXY"
        )
    return str(parsed), variable


def _tls() -> ssl.SSLContext:
    """Make what verifies certificates, which takes a while."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        named = os.environ.get(name, "")
        paths = named.split(os.pathsep) if name == "SSL_CERT_DIR" else [named]
        if named and not any(Path(path).exists() for path in paths):
            raise ServerError(f"{name} names {named}, which isn't there: correct it, or unset it")
    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError) as error:
        raise ServerError(
            f"the certificates can't be loaded ({one_line(error)}): correct SSL_CERT_FILE, SSL_CERT_DIR or "
            "SSLKEYLOGFILE, or unset it"
        ) from None
