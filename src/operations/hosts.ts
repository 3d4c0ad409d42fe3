// Which names the operations endpoint answers to. A page that the operator opens in a browser can have a
// name of its own resolve to this machine (DNS rebinding) and would then read whatever is served under that
// name. So an address, localhost and the names of a setting are served, and no other. Used by server.ts and
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
  // A dot at the end says that a name is complete.
  const name = other.toLowerCase().replace(/\.$/, '')
  if (name === '') return false
  return name === 'localhost' || names.some((own) => own.toLowerCase() === name)
}
