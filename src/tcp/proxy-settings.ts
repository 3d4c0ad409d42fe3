// The settings of reverse proxies in [network], of each protocol over TCP, and what is wrong with them together. Used
// by the protocols' config.ts. Owns nothing.
import { type Finding, warning } from '../config/schema.ts'
import { type Setting, string, stringOrList } from '../config/setting.ts'
import { DEFAULT_PROXY_HEADER, parseNetwork } from './client-address.ts'

export const trustedProxies = (without: string): Setting<string | readonly string[]> =>
  stringOrList(
    '',
    { allowed: "'', an address or a network such as '192.0.2.0/24'", check: checkNetwork },
    `Reverse proxies whose proxy_header is trusted: the last address in it that is not one of them
    counts as the client's. For a chain of proxies, name all of them. '' trusts none.

    ${without}`,
  )

export const proxyHeader = (missing: string): Setting<string> =>
  string(
    DEFAULT_PROXY_HEADER,
    { allowed: 'the name of an HTTP header', check: checkHeaderName },
    `The header in which trusted proxies name their clients: X-Forwarded-For, X-Real-IP, Forwarded
    (RFC 7239), CF-Connecting-IP, or any other that has addresses, with or without ports, separated
    by commas.

    Name one that the proxy itself writes or appends to. In a header that it only passes on, clients
    can write anything. ${missing}; the log says so once a minute.`,
  )

interface ProxyConfig {
  readonly trusted_proxies: string | readonly string[]
  readonly proxy_header: string
}

/** X-Forwarded-For is the default, so it cannot be told whether the file names it. */
export function proxyFindings({ trusted_proxies, proxy_header }: ProxyConfig): Finding[] {
  if (trusted_proxies.length > 0 || proxy_header === DEFAULT_PROXY_HEADER) return []
  const text = `[network] proxy_header has no effect without trusted_proxies: name the addresses of
    the proxies there.`
  return [warning(['network.proxy_header'], text)]
}

function checkNetwork(text: string) {
  if (text === '' || parseNetwork(text) !== null) return null
  return { fault: 'is not an address or network', remedy: "Write one such as '192.0.2.0/24'" }
}

function checkHeaderName(text: string) {
  if (/^[a-z0-9-]{1,64}$/i.test(text)) return null
  return { fault: 'is not a header name', remedy: `Write one such as '${DEFAULT_PROXY_HEADER}'` }
}
