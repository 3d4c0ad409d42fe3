// Which names the operations endpoint answers to. A page that the operator opens in a browser can make a
// name of its own resolve to this machine (DNS rebinding), and could then read whatever is served under that
// name. So only addresses, localhost and the names in a setting are served. Used by server.ts and
// settings.ts. Pure functions.
import { isIP } from 'node:net'

const NAME = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i
const NAME_CHARS_MAX = 253

export function isHostName(text: string): boolean {
  return text.length <= NAME_CHARS_MAX && NAME.test(text) && isIP(text) === 0
}

/** `host`: the header as it came, with a port or without. */
export function isServedAs(host: string, names: readonly string[]): boolean {
  const [, bracketed, other] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(host) ?? []
  if (bracketed !== undefined) return isIP(bracketed) === 6
  if (other === undefined) return false
  if (isIP(other) === 4) return true
  // A dot at the end marks a fully qualified name.
  const name = other.toLowerCase().replace(/\.$/, '')
  if (name === '') return false
  return name === 'localhost' || names.some((own) => own.toLowerCase() === name)
}
