// What the person who starts a tracker reads: its remarks, and where it listens. Used by tracker.ts.
import { addressText } from '../config/address.ts'
import { writeNotice } from '../log/log.ts'
import type { Notices, Protocol } from './protocol.ts'

export function noticesOf(name: string): Notices {
  return {
    info: (text) => writeNotice('info', `${name}: ${text}`),
    warn: (text) => writeNotice('warn', `${name}: warning: ${text}`),
  }
}

type Listening = Pick<Protocol<never>, 'addresses' | 'socketPaths' | 'summary' | 'title'>

/** Each protocol's addresses and workers. */
export function listeningText(protocols: readonly Listening[]): string {
  const served = protocols.map(({ addresses, socketPaths = [], summary, title = '' }) => {
    const name = title === '' ? '' : `${title}: `
    const places = [...addresses.map(addressText), ...socketPaths.map((path) => `unix:${path}`)]
    return `${name}${places.join(', ')} (${summary})`
  })
  return `listening on ${served.join(', ')}`
}
