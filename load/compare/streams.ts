// The load testers that put load on a tracker at once, and their settings: one, or for a site one for each
// protocol and address family. Used by bench.ts and load.ts. Pure functions.
//
// In a site each has torrents of its own, by its seed: a tracker whose protocols share swarms would else
// give out peers that the load tester which checks an answer knows nothing of.
import type { Candidate } from './candidates.ts'
import type { BenchConfig } from './config.ts'
import { HTTPS_PORT, type Protocol, usesTls, WS_PORT, withNetwork } from './entries.ts'

/** A protocol of a load tester. */
export type Kind = 'udp' | 'http' | 'ws'

/** A load tester, and what it does. */
export interface Stream {
  readonly name: string
  readonly kind: Kind
  /** Without address, duration and seed. */
  readonly settings: string
  readonly ipv6: boolean
  /** Behind the tracker's first one. */
  readonly port: number
}

/** Torrents for each peer, so that swarms have the size that the profile is to have. */
const TORRENTS_PER_PEER = { public: 4 / 1.3, listed: 4 / 1.3, reconnecting: 1 / 1.13 } as const

export function kindOf(protocol: Exclude<Protocol, 'site'>): Kind {
  return protocol === 'https' ? 'http' : protocol
}

/** `given`: TOML of the user's; not for a site. */
export function streamsOf(config: BenchConfig, given: string): Stream[] {
  const { protocol, profile } = config
  const top = profile === 'none' ? '' : `profile = '${profile}'\n`
  if (protocol === 'site') return siteStreams(config, top)
  const settings = usesTls(protocol) ? withNetwork(given, 'use_tls = true\n') : given
  return [
    { name: protocol, kind: kindOf(protocol), settings: top + settings, ipv6: false, port: 0 },
  ]
}

function siteStreams({ site, profile }: BenchConfig, top: string): Stream[] {
  const { https_share, http_share, ws_share, ipv6_share } = site
  const udp = 1 - https_share - http_share - ws_share
  const families = (name: string, share: number, kind: Kind, port: number, tls: boolean) =>
    [false, true].map((ipv6) => {
      const part = share * (ipv6 ? ipv6_share : 1 - ipv6_share)
      return { name: `${name}${ipv6 ? ' IPv6' : ''}`, part, kind, port, tls, ipv6 }
    })
  const all = [
    ...families('udp', udp, 'udp', 0, false),
    ...families('http', http_share, 'http', 0, false),
    ...families('https', https_share, 'http', HTTPS_PORT, true),
    { name: 'wss', part: ws_share, kind: 'ws' as const, port: WS_PORT, tls: true, ipv6: false },
  ]
  return all
    .filter(({ part }) => part > 0)
    .map(({ part, tls, ...stream }) => {
      const rate = Math.max(1, Math.round(site.requests_per_second * part))
      const peers = Math.max(100, Math.round((site.peers * part) / (1 - ws_share)))
      const torrents = Math.ceil(peers * TORRENTS_PER_PEER[profile === 'none' ? 'public' : profile])
      const swarms =
        stream.kind === 'ws'
          ? ''
          : `[requests]\nnumber_of_torrents = ${torrents}\nnumber_of_peers = ${peers}\n`
      const lines = `${top}mode = 'open'\n[open_loop]\nrate = ${rate}\n${swarms}`
      return { ...stream, settings: tls ? withNetwork(lines, 'use_tls = true\n') : lines }
    })
}

/** Of a run against a tracker. */
export interface RunPlan {
  readonly port: number
  readonly warmUpSec: number
  readonly measuredSec: number
  readonly seed: number
}

/** The whole settings file of stream number `index`. */
export function settingsText(
  { settings, ipv6, port }: Stream,
  index: number,
  { entry }: Candidate,
  plan: RunPlan,
): string {
  const off = [...(entry.returnsOwnPeer ? ['own_peer'] : []), ...(entry.exempt ?? [])]
  const lines = [
    ...off.map((name) => `${name} = false\n`),
    ...(entry.allows ?? []).map((name) => `${name} = true\n`),
  ]
  const checks = lines.length === 0 ? '' : `\n[checks]\n${lines.join('')}`
  return `server_address = '${ipv6 ? '[::1]' : '127.0.0.1'}:${plan.port + port}'
duration = ${plan.warmUpSec + plan.measuredSec}
summarize_last = ${plan.measuredSec}
seed = ${plan.seed + index}
${settings}${checks}`
}
