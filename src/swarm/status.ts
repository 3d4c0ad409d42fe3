// The results of an announce. Returned by swarm.ts, and by admission.ts for what is new; read by the
// protocols, which answer and count by it.

export const ANNOUNCED = 0
/** `max_torrents` is reached, or the reserve for torrents. */
export const TORRENTS_FULL = 1
/** `max_peers` is reached, or the reserve for peers. */
export const PEERS_FULL = 2
/** The peer id belongs to another connection that lives. The counts are filled, nobody is chosen. */
export const HELD = 3
/** The gate does not let this address bring a new torrent. */
export const GATED = 4
/** `max_torrents` is nearly reached, and this address has had its share of what is left. */
export const TORRENTS_RATIONED = 5
/** The same for peers. */
export const PEERS_RATIONED = 6
/** The address has as many peers in this torrent as it may. Counts and choice are filled, the peer is not kept. */
export const CROWDED = 7
/** Not the swarms', but the access list's, which is asked before them. */
export const NOT_ALLOWED = 8
/** Counts and choice are filled, but the peer is not kept: its address is a private one, while others are public, */
export const PRIVATE_ADDRESS = 9
/** or one that no peer can have. */
export const RESERVED_ADDRESS = 10
/** The same under pressure, in a swarm that is too large to take new peers; */
export const TURNED_AWAY = 11
/** under more pressure, they are refused. */
export const PRESSED = 12
