"""Connections of agents to other hosts: public addresses only, unless the catalog allows others."""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from ssl import SSLContext, create_default_context

import httpx

from actors.errors import ActorsError

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


class AddressRefused(ActorsError):
    """An agent may not connect to an address: it is loopback, link-local (cloud metadata), private or reserved."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves each host itself, and connects to the very address that it has checked.

    So a name that resolves to something else the second time gains nothing. Certificates are checked for the name.
    """

    def __init__(self, allowed: Sequence[str | Network]) -> None:
        """``allowed``: host names, and networks of addresses that are allowed besides public ones."""
        self._names = frozenset(entry.lower() for entry in allowed if isinstance(entry, str))
        self._networks = tuple(entry for entry in allowed if not isinstance(entry, str))
        self._inner = httpx.AsyncHTTPTransport(verify=_tls(), trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            AddressRefused: no address of the host is allowed.
            httpx.ConnectError: the name does not resolve, or the connection fails.
        """
        host = request.url.host
        address = await self._address(host, request)
        extensions = {**request.extensions, "sni_hostname": host}
        checked = httpx.Request(
            request.method,
            request.url.copy_with(host=str(address)),
            headers=request.headers,
            stream=request.stream,
            extensions=extensions,
        )
        return await self._inner.handle_async_request(checked)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()

    async def _address(self, host: str, request: httpx.Request) -> Address:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpx.ConnectError(
                f"the name '{host}' does not resolve: {error.strerror}", request=request
            ) from error
        addresses = [ip_address(entry[4][0]) for entry in found]
        if host.lower() in self._names:
            return addresses[0]
        for address in addresses:
            if is_public(address) or any(address in network for network in self._networks):
                return address
        fix = f"if this is meant, add '{host}' or its network to settings.allow of the catalog entry"
        which = "" if str(addresses[0]) == host else f" is {addresses[0]}, which"
        raise AddressRefused(f"'{host}'{which} is not a public address", "target", fix)


def is_public(address: Address) -> bool:
    """Whether an address is a host of the public internet, also behind its IPv6 forms (mapped, 6to4, NAT64)."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def parsed_allowances(entries: Iterable[str]) -> list[str | Network]:
    """Networks where entries are addresses or networks, and host names otherwise."""
    return [_network(entry) or entry for entry in entries]


_NAT64 = ip_network("64:ff9b::/96")


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None


@cache
def _tls() -> SSLContext:
    """Making one takes 10 ms, so all requests of a process share it."""
    return create_default_context()
