// The settings of the Unix socket by which a proxy on the same machine may reach the tracker, and checks of how they fit
// the other settings. Used by config.ts. Owns nothing.
import { type ListenSettings, listenAddresses } from '../../config/listen.ts'
import { type Finding, problem, warning } from '../../config/schema.ts'
import { string } from '../../config/setting.ts'

/** struct sockaddr_un has room for 107; the file is first created under a name that has the process id appended. */
const PATH_BYTES_MAX = 96
const DEFAULT_MODE = '660'

export const unixSocketSettings = {
  unix_socket: string(
    '',
    { allowed: "'' or an absolute path", check: checkPath },
    `Also listen on a Unix socket at this path, for a reverse proxy on the same machine, such as
    '/run/aquatic_http/http.sock'. '' opens none. With address = [] the tracker listens on nothing else.

    The proxy names its clients in proxy_header or by proxy_protocol. Whoever may open the socket is trusted, so it
    need not be in trusted_proxies, and max_connections_per_ip does not apply to it. Its connections never use TLS.
    The file is created at startup and removed when the tracker stops; one left over is replaced if nobody listens
    on it.`,
  ),
  unix_socket_mode: string(
    DEFAULT_MODE,
    { allowed: "three octal digits, such as '660'", check: checkMode },
    `Permissions of the Unix socket. The proxy needs write permission to connect: with '660' it has to be in the
    socket's group (unix_socket_group). '666' lets every user of the machine connect, and name any client.`,
  ),
  unix_socket_group: string(
    '',
    { allowed: 'the name of a group' },
    `Group of the Unix socket, such as 'www-data', which nginx runs as on Debian. '' = the tracker's group.
    Unless it is started as root, the tracker must be a member of the group.`,
  ),
}

export interface UnixSocketConfig {
  readonly unix_socket: string
  readonly unix_socket_mode: string
  readonly unix_socket_group: string
}

interface NetworkConfig extends ListenSettings {
  readonly unix_socket: string
  readonly unix_socket_mode: string
  readonly unix_socket_group: string
  readonly use_tls: boolean
  readonly plain_requests: string
}

export function unixSocketFindings(network: NetworkConfig): Finding[] {
  const { unix_socket, use_tls, plain_requests } = network
  if (unix_socket === '') return idleFindings(network)
  const found: Finding[] = []
  if (use_tls && listenAddresses(network).length === 0) {
    const text = `[network] use_tls = true, but there is only unix_socket, which has no TLS: name an address,
      or set use_tls = false.`
    found.push(problem(['network.use_tls', 'network.address'], text))
  }
  if (use_tls && plain_requests === 'redirect') {
    const text = `[network] plain_requests = 'redirect' would send the clients of unix_socket back to the proxy:
      let the proxy redirect, or set plain_requests = 'serve'.`
    found.push(problem(['network.unix_socket', 'network.plain_requests'], text))
  }
  return found
}

/** What is set for a socket that there is not. */
function idleFindings(network: NetworkConfig): Finding[] {
  const defaults = { unix_socket_mode: DEFAULT_MODE, unix_socket_group: '' } as const
  const keys = ['unix_socket_mode', 'unix_socket_group'] as const
  return keys
    .filter((key) => network[key] !== defaults[key])
    .map((key) => {
      const text = `[network] ${key} has no effect without unix_socket: name the socket's path there.`
      return warning([`network.${key}`], text)
    })
}

function checkPath(text: string) {
  if (text === '') return null
  if (!text.startsWith('/') || text.endsWith('/') || text.includes('\0')) {
    return { fault: 'is not the absolute path of a file', remedy: "Begin it with '/'" }
  }
  const bytes = Buffer.byteLength(text)
  if (bytes <= PATH_BYTES_MAX) return null
  return { fault: `has ${bytes} bytes`, remedy: `Use at most ${PATH_BYTES_MAX}` }
}

function checkMode(text: string) {
  if (/^0?[0-7]{3}$/.test(text)) return null
  return { fault: 'is not three octal digits', remedy: "Write '660' or '666'" }
}
