// Does the kernel grant the buffers and queues that a tracker asks for? Sizes only: what is lost is in losses.ts.
import { bytesText } from '../../../src/config/quantities.ts'
import { grouped } from '../../../src/metrics/text-table.ts'
import { remedyOf, sysctl, sysctlPath } from '../changes.ts'
import { type HostFinding, type Subject, sysctlNumber, unknown } from '../view.ts'

/** 8 MiB hold some 10,000 announces; more only delays answers. */
const RECEIVE_BUFFER_BYTES = 8_388_608
/** Connections that wait to be accepted, per listening socket: the most that ours ask for, and the kernel's default. */
const SOMAXCONN = 4096
/** After a restart all clients connect at once; each that does not fit comes back a second later or more. */
const SYN_BACKLOG = 8192
/** Packets per processor between card and sockets, where steering or a virtual card puts them in a queue. */
export const NETDEV_BACKLOG = 16_384

export function receiveBuffer({ host, wants }: Subject): HostFinding[] {
  const name = 'receive_buffer'
  const key = 'net.core.rmem_max'
  if (!wants.servesUdp) return []
  const most = sysctlNumber(host, key)
  if (most === null) return [unknown(name, 'The largest receive buffer', sysctlPath(key))]
  const asked = wants.receiveBuffer
  if (most >= asked) {
    const text = `UDP sockets may have receive buffers of ${bytesText(most)}, and ${bytesText(asked)} are asked for by ${wants.source}.`
    return [{ name, severity: 'good', text }]
  }
  const changes = [sysctl(key, Math.max(RECEIVE_BUFFER_BYTES, asked))]
  return [
    {
      name,
      severity: 'warning',
      text: `UDP sockets get receive buffers of ${bytesText(most)} (${key}), but ${bytesText(asked)} are asked for by ${wants.source}.`,
      cost: 'Announces that arrive while a worker is busy are lost sooner, and clients wait 15 seconds before they ask again.',
      remedy: remedyOf('Raise the maximum:', changes),
      changes,
    },
  ]
}

export function listenBacklog({ host, wants }: Subject): HostFinding[] {
  const name = 'listen_backlog'
  const key = 'net.core.somaxconn'
  if (!wants.servesTcp) return []
  const most = sysctlNumber(host, key)
  if (most === null) return [unknown(name, 'The queue of new connections', sysctlPath(key))]
  if (most >= SOMAXCONN) {
    const text = `${grouped(most)} new connections may wait to be accepted (${key}).`
    return [{ name, severity: 'good', text }]
  }
  const changes = [sysctl(key, SOMAXCONN)]
  return [
    {
      name,
      severity: 'warning',
      text: `Only ${grouped(most)} new connections may wait to be accepted (${key}); ${grouped(SOMAXCONN)} is the kernel's default.`,
      cost: 'HTTP and WebTorrent clients that come in a burst, as after a restart, try again a second later or more.',
      remedy: remedyOf('Raise it, and restart the tracker:', changes),
      changes,
    },
  ]
}

export function handshakeBacklog({ host, wants }: Subject): HostFinding[] {
  const name = 'handshake_backlog'
  const key = 'net.ipv4.tcp_max_syn_backlog'
  if (!wants.servesTcp) return []
  const most = sysctlNumber(host, key)
  if (most === null) return [unknown(name, 'The queue of handshakes', sysctlPath(key))]
  const text = `${grouped(most)} handshakes may be under way per listening socket (${key}).`
  if (most >= SYN_BACKLOG) return [{ name, severity: 'good', text }]
  // With cookies a handshake beyond the queue still succeeds.
  const cookies = sysctlNumber(host, 'net.ipv4.tcp_syncookies')
  const changes = [sysctl(key, SYN_BACKLOG)]
  return [
    {
      name,
      severity: cookies === 0 ? 'warning' : 'note',
      text,
      cost:
        cookies === 0
          ? 'Further handshakes are dropped, since SYN cookies are off.'
          : 'Further handshakes are answered with SYN cookies, which lose options such as window scaling.',
      remedy: remedyOf('Raise it:', changes),
      changes,
    },
  ]
}

export function synCookies({ host, wants }: Subject): HostFinding[] {
  const name = 'syn_cookies'
  const key = 'net.ipv4.tcp_syncookies'
  if (!wants.servesTcp) return []
  const value = sysctlNumber(host, key)
  if (value === null) return [unknown(name, 'Whether SYN cookies are on', sysctlPath(key))]
  if (value !== 0) {
    return [{ name, severity: 'good', text: `SYN cookies are on (${key} = ${value}).` }]
  }
  const changes = [sysctl(key, 1)]
  return [
    {
      name,
      severity: 'warning',
      text: `SYN cookies are off (${key} = 0).`,
      cost: 'A few thousand forged handshakes per second, from anybody, keep all others from connecting.',
      remedy: remedyOf('Turn them on:', changes),
      changes,
    },
  ]
}

/** Whether connections in the queue of a worker that ends go to another one. */
export function migratedConnections({ host, wants }: Subject): HostFinding[] {
  const name = 'migrated_connections'
  const key = 'net.ipv4.tcp_migrate_req'
  if (!wants.servesTcp) return []
  const value = sysctlNumber(host, key)
  // Older kernels than 5.14 do not have it.
  if (value === null) return []
  if (value === 1) {
    const text = `Connections that wait for a process that ends go to its successor (${key} = 1).`
    return [{ name, severity: 'good', text }]
  }
  const changes = [sysctl(key, 1)]
  return [
    {
      name,
      severity: 'note',
      text: `Connections that wait for a process that ends are reset (${key} = 0).`,
      cost: 'When a new tracker takes over from the old one, the clients in that queue at that moment are refused.',
      remedy: remedyOf('Have them handed over:', changes),
      changes,
    },
  ]
}

export function packetBacklog({ host }: Subject): HostFinding[] {
  const name = 'packet_backlog'
  const key = 'net.core.netdev_max_backlog'
  const most = sysctlNumber(host, key)
  if (most === null) return [unknown(name, 'The queue of packets per processor', sysctlPath(key))]
  const text = `${grouped(most)} packets may wait per processor between card and sockets (${key}).`
  if (most >= NETDEV_BACKLOG) return [{ name, severity: 'good', text }]
  const changes = [sysctl(key, NETDEV_BACKLOG)]
  const cost =
    'Only packets that are steered to another processor, or come from a virtual card, go through it.'
  return [{ name, severity: 'note', text, cost, remedy: remedyOf('Raise it:', changes), changes }]
}
