// The settings for reverse proxies in [network], for each protocol over TCP, and checks of how they fit
// together. Used by the protocols' config.ts.
import { type Finding, problem, warning } from '../config/schema.ts'
import { choice, type Setting, string, stringOrList } from '../config/setting.ts'
import { DEFAULT_PROXY_HEADER, parseNetwork } from './client-address.ts'

export const trustedProxies = (without: string): Setting<string | readonly string[]> =>
  stringOrList(
    '',
    { allowed: "'', an address or a network such as '192.0.2.0/24'", check: checkNetwork },
    `Reverse proxies whose proxy_header is trusted: the last address in it that is not one of these
    proxies is taken as the client's. For a chain of proxies, name all of them. '' trusts none.

    ${without}`,
  )

export const proxyHeader = (missing: string): Setting<string> =>
  string(
    DEFAULT_PROXY_HEADER,
    { allowed: 'the name of an HTTP header', check: checkHeaderName },
    `The header in which trusted proxies name their clients: X-Forwarded-For, X-Real-IP, Forwarded
    (RFC 7239), CF-Connecting-IP, or any other with comma-separated addresses, with or without ports.

    Name one that the proxy itself sets or appends to: clients can put anything into a header that it
    only passes on. ${missing}; the log says so once a minute.`,
  )

export const PROXY_PROTOCOLS = ['off', 'required'] as const

/** `sources`: where else connections are believed from. `unnamed`: what becomes of those whose header names nobody. */
export const proxyProtocol = (
  sources: string,
  unnamed: string,
): Setting<(typeof PROXY_PROTOCOLS)[number]> =>
  choice(
    'off',
    PROXY_PROTOCOLS,
    `Whether connections begin with a PROXY protocol header, version 1 or 2, which names the client:
    'required' or 'off'. Load balancers that forward TCP without reading HTTP send it (HAProxy:
    send-proxy-v2, nginx: proxy_protocol on in a stream block).

    With 'required', a connection is closed and counted if it does not begin with one, or if it comes ${sources}, since
    anyone else could name any client. proxy_header is used only if the client that the PROXY protocol names is itself
    one of trusted_proxies. With a PROXY header that names nobody (UNKNOWN, LOCAL), ${unnamed}.`,
  )

interface ProxyConfig {
  readonly use_tls: boolean
  readonly unix_socket?: string
  readonly proxy_protocol?: (typeof PROXY_PROTOCOLS)[number]
  readonly trusted_proxies: string | readonly string[]
  readonly proxy_header: string
}

/** X-Forwarded-For is the default, so whether the file names it cannot be detected. */
export function proxyFindings(config: ProxyConfig): Finding[] {
  const { proxy_protocol = 'off', trusted_proxies, proxy_header, unix_socket = '' } = config
  const trusts = trusted_proxies.length > 0 || unix_socket !== ''
  if (config.use_tls && proxy_protocol !== 'off') {
    const text = `[network] proxy_protocol = '${proxy_protocol}' works only without TLS: let the proxy
      terminate TLS, and set use_tls = false.`
    return [problem(['network.proxy_protocol', 'network.use_tls'], text)]
  }
  if (trusts) return []
  if (proxy_protocol !== 'off') {
    const text = `[network] proxy_protocol = '${proxy_protocol}', but trusted_proxies is empty, so every
      connection would be closed: name the addresses of the proxies there.`
    return [problem(['network.proxy_protocol', 'network.trusted_proxies'], text)]
  }
  if (proxy_header === DEFAULT_PROXY_HEADER) return []
  const text = `[network] proxy_header has no effect without trusted_proxies: name the addresses of
    the proxies there.`
  return [warning(['network.proxy_header'], text)]
}

/** A `check` of settings that name networks. */
export function checkNetwork(text: string) {
  if (text === '' || parseNetwork(text) !== null) return null
  return { fault: 'is not an address or network', remedy: "Write one such as '192.0.2.0/24'" }
}

function checkHeaderName(text: string) {
  if (/^[a-z0-9-]{1,64}$/i.test(text)) return null
  return { fault: 'is not a header name', remedy: `Write one such as '${DEFAULT_PROXY_HEADER}'` }
}
