import { afterEach, describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { SystemError } from '../../src/os/error.ts'
import { socketAddress } from '../../src/os/socket.ts'
import {
  closeSocket,
  openUdpSocket,
  receiveDrops,
  setReceiveBuffer,
  type UdpSocket,
  type UdpSocketOptions,
} from '../../src/os/udp-socket.ts'
import { addressBytes } from '../support/packets.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

const opened: number[] = []

afterEach(() => {
  for (const fd of opened.splice(0)) closeSocket(fd)
})

function open(host: string, options: Partial<UdpSocketOptions> = {}): UdpSocket {
  const socket = openUdpSocket({
    family: host.includes(':') ? 6 : 4,
    address: [...addressBytes(host)],
    port: 0,
    sharePort: false,
    dualStack: false,
    packetInfo: false,
    receiveBufferBytes: 0,
    ...options,
  })
  opened.push(socket.fd)
  return socket
}

/** The name of the error that opening ends with; '' for none. */
function failure(host: string, options?: Partial<UdpSocketOptions>): string {
  try {
    open(host, options)
    return ''
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    return error.code
  }
}

describe('a socket', () => {
  test.each(['127.0.0.1', '::1', '0.0.0.0', '::'])('on %s has the port it reports', (host) => {
    const { port } = open(host)
    expect(port).toBeGreaterThan(0)
    expect(failure(host, { port })).toBe('EADDRINUSE')
  })

  test('shares its port only with sockets that share it too', () => {
    const { port } = open('127.0.0.1', { sharePort: true })
    expect(failure('127.0.0.1', { port, sharePort: true })).toBe('')
    expect(failure('127.0.0.1', { port })).toBe('EADDRINUSE')
  })

  test('on [::] takes the IPv4 port as well if it is to serve both families, else not', () => {
    const both = open('::', { dualStack: true })
    expect(failure('0.0.0.0', { port: both.port })).toBe('EADDRINUSE')
    const one = open('::')
    expect(failure('0.0.0.0', { port: one.port })).toBe('')
  })

  test('that is closed gives its port back', () => {
    const { fd, port } = open('127.0.0.1')
    closeSocket(fd)
    opened.pop()
    expect(failure('127.0.0.1', { port })).toBe('')
  })

  test('on an address of another machine fails with EADDRNOTAVAIL, and leaks no descriptor', () => {
    const descriptors = () => readdirSync('/proc/self/fd').length
    const before = descriptors()
    for (let i = 0; i < 50; i++) expect(failure('203.0.113.77')).toBe('EADDRNOTAVAIL')
    // The runtime may have opened some of its own.
    expect(descriptors() - before).toBeLessThan(10)
  })

  test('reports the receive buffer that it was granted, as asked for', () => {
    const { fd, receiveBufferBytes } = open('127.0.0.1', { receiveBufferBytes: 100_000 })
    expect(receiveBufferBytes).toBe(100_000)
    expect(setReceiveBuffer(fd, 150_000)).toBe(150_000)
    expect(open('127.0.0.1').receiveBufferBytes).toBeGreaterThan(0)
  })

  test('counts the packets that found its receive buffer full', async () => {
    const { fd, port } = open('127.0.0.1', { receiveBufferBytes: 10_000 })
    expect(receiveDrops(fd)).toBe(0)
    await withClient('127.0.0.1', async (client) => {
      const packets = Array.from({ length: 500 }, () => Buffer.alloc(1000))
      await waitUntil('more were sent than fit', () => {
        client.sendMany(packets, { host: '127.0.0.1', port })
        return receiveDrops(fd) > 1000
      })
    })
  })
})

test('a socket address has family, port and address where C expects them', () => {
  const ipv4 = socketAddress({ family: 4, address: [192, 0, 2, 7], port: 0x1234 })
  expect(Buffer.from(ipv4.buffer, 0, 16).toString('hex')).toBe(`02001234c0000207${'00'.repeat(8)}`)
  const ipv6 = socketAddress({ family: 6, address: [...addressBytes('2001:db8::7')], port: 0xfffe })
  expect(Buffer.from(ipv6.buffer, 0, 28).toString('hex')).toBe(
    `0a00fffe00000000${addressBytes('2001:db8::7').toString('hex')}00000000`,
  )
})

test('an error of the system says its call, its text and its name', () => {
  expect(new SystemError('bind', 98).message).toBe('bind: address already in use (EADDRINUSE)')
  expect(new SystemError('bind', 98).code).toBe('EADDRINUSE')
  expect(new SystemError('bind', 9999).message).toBe('bind: unknown error (errno 9999)')
})
