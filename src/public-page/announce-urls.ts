// The announce URLs that the public page shows: from the names that the operator gives, and where each protocol
// listens. Used by public-page.ts. Pure functions.
import { isIP } from 'node:net'
import type { SocketAddress } from '../config/address.ts'
import { listOf } from '../config/setting.ts'
import { type PublicPageConfig, URLS_MAX } from './settings.ts'

/** An address that clients announce to. */
export interface AnnouncePlace {
  readonly scheme: 'udp' | 'http' | 'https' | 'ws' | 'wss'
  readonly address: SocketAddress
}

const USUAL_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443 }

/** Stands for a client's own key where the tracker asks for one. */
const KEY = 'YOUR_KEY'

/** `needsKey`: clients have keys, which are in their URLs. */
export function announceUrls(
  { host_names, announce_urls }: PublicPageConfig,
  places: readonly AnnouncePlace[],
  needsKey: boolean,
): string[] {
  const given = listOf(announce_urls)
  if (given.length > 0) return given.slice(0, URLS_MAX)
  const path = needsKey ? `/${KEY}/announce` : '/announce'
  const urls = listOf(host_names).flatMap((name) =>
    places
      .filter(({ address }) => isReached(name, address))
      .map(
        ({ scheme, address }) => `${scheme}://${hostText(name)}${portText(scheme, address)}${path}`,
      ),
  )
  return [...new Set(urls)].slice(0, URLS_MAX)
}

/** A name may have addresses of both families. */
function isReached(name: string, { family, host }: SocketAddress): boolean {
  const kind = isIP(name)
  return kind === 0 || kind === family || (kind === 4 && host === '::')
}

function hostText(name: string): string {
  return isIP(name) === 6 ? `[${name}]` : name
}

function portText(scheme: string, { port }: SocketAddress): string {
  return USUAL_PORTS[scheme] === port ? '' : `:${port}`
}
