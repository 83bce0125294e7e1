"""How to connect to a server: directly or through a proxy, with which key and certificates.

httpx reads the environment too, but it sets up every proxy named there, needed or not, and sends requests to
this machine through them. A key for a server on loopback must not reach a proxy.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx
from httpx_retries import Retry, RetryTransport

from cg2magic.engines.servers import KEY, Server
from cg2magic.errors import Cg2Error
from cg2magic.wording import one_line

#: The variables that secrets were read from. They are read for each request and never stored.
_SECRETS = {KEY}
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")

#: Names of this machine in the systems' default hosts files.
_HERE = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")

_SCHEMES = ("http", "https", "socks5", "socks5h")


class ServerError(Cg2Error):
    """The server can't be reached, refuses a request, or sends an invalid response.

    Attributes
    ----------
    status : int or None
        HTTP status of the response; None if there was none.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        # A lone surrogate in a response's JSON can't be printed.
        super().__init__(without_key(text).encode(errors="replace").decode())
        self.status = status


@dataclass(frozen=True, slots=True)
class Route:
    """How to connect to a server.

    Attributes
    ----------
    proxy : str or None
        Address of the proxy. It may contain a password, so it is never shown.
    tls : ssl.SSLContext or None
        None if nothing is encrypted.
    variable : str
        The variable that names the proxy, such as ``"http_proxy"``.
    key : str
        The variable with the key.
    more : mapping
        More headers, in which ``$NAME`` stands for a variable.
    """

    proxy: str | None = None
    tls: ssl.SSLContext | None = None
    variable: str = ""
    key: str = KEY
    more: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def to(cls, url: httpx.URL, server: Server | None = None) -> Route:
        """Find the route to a server from the environment and the system's settings.

        Raises
        ------
        ServerError
            If the proxy or the certificates named there can't be used.
        """
        proxy, variable = _proxy(url)
        encrypted = url.scheme == "https" or (proxy or "").startswith("https:")
        tls = _tls() if encrypted else None
        if server is None:
            return cls(proxy, tls, variable)
        return cls(proxy, tls, variable, server.key, server.headers)

    @property
    def name(self) -> str:
        """The proxy's name, for messages."""
        host = httpx.URL(self.proxy or "").netloc.decode()
        return f"the proxy {host} ({self.variable})" if self.variable else f"the system's proxy {host}"

    @property
    def password(self) -> str:
        """The password for the proxy, which must not be shown."""
        return httpx.URL(self.proxy or "").password

    def client(self, timeout: httpx.Timeout, retry: Retry) -> httpx.AsyncClient:
        """Create a client; httpx reads nothing more from the environment.

        Parameters
        ----------
        timeout : httpx.Timeout
        retry : Retry
            Which requests to repeat, and when.

        Raises
        ------
        ServerError
            If the key or the proxy can't be used.
        """
        key = _secret(self.key)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        for name, value in self.more.items():
            headers[name] = _VARIABLE.sub(lambda found: _secret(found[1], needed=True), value)
        verify = self.tls if self.tls is not None else False  # there is nothing to verify
        try:
            way = httpx.AsyncHTTPTransport(verify=verify, proxy=self.proxy, trust_env=False)
        except ImportError:
            raise ServerError(
                f"{self.name} speaks SOCKS, for which httpx needs the package socksio: "
                "pip install socksio, or add the server to NO_PROXY"
            ) from None
        # A client with a custom transport leaves proxies to it.
        return httpx.AsyncClient(
            transport=RetryTransport(way, retry), timeout=timeout, headers=headers, trust_env=False
        )


def without_key(text: str) -> str:
    """Remove keys from a text, in any form they may appear in."""
    raw = [os.environ.get(name, "") for name in _SECRETS]
    for written in {*raw, *(secret.strip() for secret in raw)}:
        for form in (written, repr(written)[1:-1], quote(written, safe="")):
            text = text.replace(form, "…") if len(form) > 1 else text
    return text


def has_key(name: str) -> bool:
    """Whether a key is set."""
    return bool(os.environ.get(name, "").strip())


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    host = host.strip("[]").rstrip(".").lower()
    if host in _HERE or host.endswith(".localhost"):
        return True
    address = _address(host.partition("%")[0])
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read a numeric address, including the old short forms (``127.1``); None for a name."""
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


def _secret(name: str, *, needed: bool = False) -> str:
    """Read a secret from the environment."""
    _SECRETS.add(name)
    # A key read from a file often ends with a newline.
    secret = os.environ.get(name, "").strip()
    if needed and not secret:
        raise ServerError(f"the environment variable {name}, which the server's headers name, is not set")
    if not all("!" <= character <= "~" for character in secret):
        raise ServerError(f"the key in {name} contains a character that keys don't have: copy it again")
    return secret


def _proxy(url: httpx.URL) -> tuple[str | None, str]:
    """Return the proxy for a server and the variable that names it."""
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
        raise ServerError(
            f"the proxy in {said} is not an address; an address looks like http://host:3128"
        ) from None
    if parsed.scheme == "socks":  # as desktops call it
        parsed = parsed.copy_with(scheme="socks5")
    if parsed.scheme not in _SCHEMES or not parsed.host:
        raise ServerError(
            f"the proxy in {said} is {parsed.scheme}://{parsed.host}, which can't be used: use one "
            f"of {', '.join(_SCHEMES)}, or add the server to NO_PROXY"
        )
    return str(parsed), variable


def _tls() -> ssl.SSLContext:
    """Create the SSL context, which takes a while."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        named = os.environ.get(name, "")
        paths = named.split(os.pathsep) if name == "SSL_CERT_DIR" else [named]
        if named and not any(Path(path).exists() for path in paths):
            raise ServerError(f"{name} names {named}, which doesn't exist: correct it, or unset it")
    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError) as error:
        raise ServerError(
            f"the certificates can't be loaded ({one_line(error)}): correct SSL_CERT_FILE, SSL_CERT_DIR or "
            "SSLKEYLOGFILE, or unset it"
        ) from None
