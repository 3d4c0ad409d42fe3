// What shared settings mean where one process serves several protocols: by path, or the name of a section, in place
// of what the first of them says about itself. Used by protocols.ts. Owns nothing.

export const SHARED_EXPLANATIONS: Readonly<Record<string, string>> = {
  'protocol.count_downloads': `Count completed downloads of each torrent and report them in scrapes, and over HTTP in
    announces too.

    A download counts when a peer known as a leecher reports completion, over UDP or HTTP, whichever it used before.
    The count lasts as long as the torrent has peers, and with [persistence] path over a restart. With false, 0 is
    reported.`,

  'ws.network.address': `Listen on this address and port, or on each of a list, such as
    ['192.0.2.1:3001', '[2001:db8::1]:3001']. With exactly the addresses of [http.network], both protocols share them: the
    workers of HTTP serve both, and [http] socket_workers and the TLS and proxy settings of [http.network] hold for both.

    0.0.0.0 means every IPv4 address of the machine. [::] means every IPv6 address, and every IPv4
    address too, unless another entry listens on IPv4 with the same port or ipv6_only is true. Host names are not
    accepted. Port 0 lets the system choose a free port, for tests. Ports below 1024 need the right to open them at
    startup.

    An empty list opens nothing here; address_ipv6 must then name an address. In an environment
    variable, separate the addresses of a list with commas; [] is the empty list. Startup fails if an
    address cannot be opened.`,

  cleaning: 'When peers and torrents are forgotten.',

  'cleaning.max_peer_age': `Forget a peer that has not announced for this long (seconds).

    Keep it above peer_announce_interval of [udp.protocol] and of [http.protocol], with room for a client that is late
    or whose announce is lost: a third more is usual. The default is for HTTP's half an hour; without HTTP, 1200 keeps
    fewer peers that have long gone. WebTorrent peers also stay as long as their connection lives, and go with it. The
    maximum comes from the peer table, which stores ages in 15 bits.`,

  'limits.max_torrents': `Store at most this many torrents of all protocols together. A torrent counts once for its IPv4
    peers, once for its IPv6 peers and once for its WebTorrent peers.

    Beyond it, announces of new torrents get an error and are counted, and the log says so at most once a minute; known
    torrents are served. When an eighth or less is left, one source gets a sixteenth of that at once, and as much again
    per minute. Lower it if startup reports that the system refuses to reserve the memory, as it may under "ulimit -v"
    or strict overcommit.`,

  'limits.max_peers': `Store at most this many peers of all protocols in all torrents together.

    Beyond it, announces of new peers get an error and are counted, and the log says so at most once a minute; known
    peers are served. When an eighth or less is left, one source gets a sixteenth of that at once, and as much again per
    minute. Lower it if startup reports that the system refuses to reserve the memory.`,

  'pressure.max_interval_factor': `Make intervals at most this many times as long as peer_announce_interval of [udp.protocol],
    [http.protocol] and [ws.protocol]. With 1 they stay as they are.

    Lists of public trackers leave out trackers that ask for more than three hours.`,

  source_limits: `What one source may ask for over UDP and HTTP together, so that none can exhaust the tracker.
    WebTorrent has limits of its own, [ws.source_limits]. Requests from this machine (127.0.0.0/8, ::1) are never
    limited.`,

  'source_limits.connects_per_second': `Answer at most this many connects of UDP per second from one network, an IPv4
    /24 or an IPv6 /56. 0 = no limit. After a pause, up to ten times as many at once are answered.

    The senders of connects can be forged, so this bounds what can be sent to a network that never asked. A forger can
    use up a network's share, but cannot get anyone banned. 100,000 households behind one such carrier network, each
    with one torrent here, send 110 per second.`,

  'source_limits.requests_per_second': `Answer at most this many announces and scrapes per second from one address, an
    IPv4 address or an IPv6 /64. 0 = no limit. After a pause, up to ten times as many at once are answered.

    A client with 10,000 torrents sends 11 per second, and 10,000 at once when it starts. Only requests from a proven
    address count: over UDP those with a valid connection id, over HTTP all. Behind a reverse proxy all HTTP clients
    count as one, unless [http.network] trusted_proxies names it. An IPv6 /48 may send four times as many.`,

  'source_limits.ban_seconds': `Do not answer an address for this long (seconds) if it keeps exceeding its limit on
    requests or new torrents: twice the limit for ten seconds. 0 bans nobody. Over HTTP the answer is an error.

    Only what comes from a proven address counts, by a connection id of its own or over TCP, so nobody can have another
    one banned. Its connects over UDP are still answered.`,
}
