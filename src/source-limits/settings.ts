// The settings section [source_limits] of protocols that store peers by address: what one source may ask for.
// Used by the protocols' config.ts and reload.ts; enforced by source-limits.ts.
import { type ConfigOf, section } from '../config/schema.ts'
import { integer, seconds } from '../config/setting.ts'
import type { SourceRates } from './source-limits.ts'

// Costs are in 2^18ths of a second, which would be too coarse above this.
const RATE_MAX = 100_000
const SUSTAINED_RATE_MAX = 10_000 // Of these in 2^16ths.
const BAN_SEC_MAX = 3600
const PEERS_MAX = 65_535

export const sourceLimitSettings = section(
  `What one source may ask for, so that none can exhaust the tracker. Packets from this machine
  (127.0.0.0/8, ::1) are never limited.`,
  {
    connects_per_second: integer(
      2000,
      { min: 0, max: RATE_MAX },
      `Answer at most this many connects per second from one network, an IPv4 /24 or an IPv6 /56. 0 =
      no limit. After a pause, up to ten times as many at once are answered.

      The senders of connects can be forged, so this bounds what can be sent to a network that never
      asked. A forger can use up a network's share, but cannot get anyone banned. 100,000 households
      behind one such carrier network, each with one torrent here, send 110 per second.`,
    ),
    requests_per_second: integer(
      3000,
      { min: 0, max: RATE_MAX },
      `Answer at most this many announces and scrapes per second from one address, an IPv4 address or
      an IPv6 /64. 0 = no limit. After a pause, up to ten times as many at once are answered.

      A client with 10,000 torrents sends 11 per second, and 10,000 at once when it starts. Only
      requests with a valid connection id count. An IPv6 /48 may send four times as many.`,
    ),
    sustained_requests_per_second: integer(
      300,
      { min: 0, max: SUSTAINED_RATE_MAX },
      `Answer at most this many announces and scrapes per second from one address in the long run. 0
      = no limit. Twenty minutes' worth may come at any pace that requests_per_second allows.

      A client with 100,000 torrents that also scrapes each of them twice an hour sends 167 per
      second, 2,000 VPN users behind one address with 50 torrents each 111, and 128 subscribers
      behind one address of a carrier 7. An IPv6 /48 may send four times as many.`,
    ),
    new_torrents_per_second: integer(
      500,
      { min: 0, max: RATE_MAX },
      `Let one address bring at most this many torrents per second that the tracker does not know. 0
      = no limit. After a pause, up to sixty times as many at once are accepted.

      Beyond that, such announces get an error. Torrents that have peers are not affected. An IPv6
      /48 may bring four times as many.`,
    ),
    peers_per_torrent: integer(
      32,
      { min: 0, max: PEERS_MAX },
      `Store at most this many peers of one address, an IPv4 address or an IPv6 /64, in one torrent.
      0 = no limit. Further peers are answered as usual but not returned to others.

      Without a limit one address can announce 65,535 ports, and others get hardly any peers but
      those. 128 subscribers of a carrier behind one address reach 32 when every fourth is in the
      same torrent, and 2,000 VPN users in a torrent that one peer in 60 is in. The count is exact
      up to some 200 seeders and as many leechers; in larger torrents chance lets an address have up
      to 2 % of the torrent more.`,
    ),
    ban_seconds: seconds(
      60,
      { min: 0, max: BAN_SEC_MAX },
      `Do not answer an address for this long (seconds) if it keeps exceeding its limit on requests
      or new torrents: twice the limit for ten seconds. 0 bans nobody.

      Only what an address sends with its own connection id counts, so nobody can have another one
      banned. Its connects are still answered.`,
    ),
  },
)

/** All of them can change at runtime. */
export const SOURCE_LIMIT_PATHS: readonly string[] = Object.keys(sourceLimitSettings.settings).map(
  (key) => `source_limits.${key}`,
)

type SourceLimitConfig = ConfigOf<{ source_limits: typeof sourceLimitSettings }>['source_limits']

export function sourceRates(config: SourceLimitConfig): SourceRates {
  return {
    connects: config.connects_per_second,
    requests: config.requests_per_second,
    sustainedRequests: config.sustained_requests_per_second,
    newTorrents: config.new_torrents_per_second,
    banSeconds: config.ban_seconds,
  }
}
