// What the start does on machines that a test cannot have: without IPv6 in the kernel, or
// with too few file descriptors. The system is simulated here.
import { afterAll, beforeEach, describe, expect, mock, test } from 'bun:test'
import { SystemError } from '../../src/os/error.ts'
import { EADDRNOTAVAIL, EAFNOSUPPORT, ENFILE } from '../../src/os/kernel.ts'
import * as real from '../../src/os/udp-socket.ts'
import type { UdpConfig } from '../../src/udp/settings/config.ts'

type Options = real.UdpSocketOptions

let opened: Options[] = []
/** The errno that opening ends with; 0 for none. */
let failsWith: (options: Options) => number = () => 0

const original = { ...real }

mock.module('../../src/os/udp-socket.ts', () => ({
  ...original,
  closeSocket: () => {},
  openUdpSocket: (options: Options): real.UdpSocket => {
    const reason = failsWith(options)
    if (reason !== 0) throw new SystemError('bind', reason)
    opened.push(options)
    return { fd: 100 + opened.length, port: options.port || 4000, receiveBufferBytes: 1000 }
  },
}))

const { openSockets } = await import('../../src/udp/main/listen.ts')

beforeEach(() => {
  opened = []
  failsWith = () => 0
})

// Other files may run in this process.
afterAll(() => void mock.module('../../src/os/udp-socket.ts', () => original))

function configFor(address: string | string[], addressIPv6 = 'auto', bufferBytes = 0): UdpConfig {
  const network = {
    address,
    address_ipv6: addressIPv6,
    socket_recv_buffer_size: bufferBytes,
    poll_event_capacity: 256,
  }
  return { network } as unknown as UdpConfig
}

const noIPv6 = ({ family }: Options) => (family === 6 ? EAFNOSUPPORT : 0)

describe('on a machine without IPv6', () => {
  beforeEach(() => {
    failsWith = noIPv6
  })

  test('the IPv4 wildcard is served alone', () => {
    const { addresses, sockets } = openSockets(configFor('0.0.0.0:3000'), 2)
    expect(addresses.map(({ host, port }) => `${host} ${port}`)).toEqual(['0.0.0.0 3000'])
    expect(sockets.map((own) => own.length)).toEqual([1, 1])
  })

  test('also when its addresses are said not to be there', () => {
    failsWith = ({ family }) => (family === 6 ? EADDRNOTAVAIL : 0)
    expect(openSockets(configFor('0.0.0.0:3000'), 1).addresses.length).toBe(1)
  })

  test.each([
    ['[::]:3000', 'auto'],
    ['0.0.0.0:3000', '[::]:3000'],
    ['127.0.0.1:3000', '[::1]:3000'],
  ])('address = %p with address_ipv6 = %p does not start', (address, addressIPv6) => {
    const open = () => openSockets(configFor(address, addressIPv6), 1)
    expect(open).toThrow(/^cannot listen on \[::1?\]:3000: this machine has no IPv6/)
  })
})

test('other failures of the automatic IPv6 address stop the start', () => {
  failsWith = ({ family }) => (family === 6 ? 98 : 0)
  expect(() => openSockets(configFor('0.0.0.0:3000'), 1)).toThrow(
    'cannot listen on [::]:3000: the port is in use by another program (EADDRINUSE). ' +
      'Stop that, which ss -lunp names, or choose another UDP port.',
  )
})

test('a failure without a specific remedy is reported with the text of the system', () => {
  failsWith = () => ENFILE
  expect(() => openSockets(configFor('127.0.0.1:3000'), 1)).toThrow(
    'cannot listen on 127.0.0.1:3000: bind: file table overflow (ENFILE)',
  )
})

test('too many open files name the remedy', () => {
  failsWith = () => (opened.length > 5 ? 24 : 0)
  expect(() => openSockets(configFor('127.0.0.1:3000'), 256)).toThrow(/EMFILE.*ulimit -n/)
})

test('each worker gets one socket per address; only wildcards ask for packet info', () => {
  const config = configFor(['0.0.0.0:3000', '192.0.2.7:4000', '[2001:db8::7]:5000'])
  const { sockets } = openSockets(config, 3)
  expect(sockets.map((own) => own.map(({ packetInfo }) => packetInfo))).toEqual(
    Array.from({ length: 3 }, () => [true, false, false, true]),
  )
  expect(new Set(sockets.flat().map(({ fd }) => fd)).size).toBe(12)
  // The first of each address is opened alone, to find out whether another program has the port.
  expect(opened.filter(({ sharePort }) => !sharePort).length).toBe(4)
})

test('the automatic IPv6 address takes the port that the system chose for IPv4', () => {
  openSockets(configFor('0.0.0.0:0'), 1)
  expect(opened.map(({ family, port }) => [family, port])).toEqual([
    [4, 0],
    [4, 4000],
    [6, 4000],
    [6, 4000],
  ])
})

test.each([
  ['192.0.2.7:1', [192, 0, 2, 7]],
  ['[::]:1', Array(16).fill(0)],
  ['[::1]:1', [...Array(15).fill(0), 1]],
  ['[2001:db8::]:1', [0x20, 1, 0x0d, 0xb8, ...Array(12).fill(0)]],
  ['[2001:db8:0:1::7]:1', [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, ...Array(7).fill(0), 7]],
  ['[1:2:3:4:5:6:7:ff08]:1', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0xff, 8]],
])('%s is opened with its bytes', (address, bytes) => {
  openSockets(configFor(address, ''), 1)
  expect(opened[0].address).toEqual(bytes)
})

test('a smaller buffer than requested is reported once, with the command that helps', () => {
  const { warnings } = openSockets(configFor('0.0.0.0:3000', 'auto', 5000), 4)
  expect(warnings.length).toBe(1)
  expect(warnings[0]).toContain('1000 bytes instead of 5000')
  expect(warnings[0]).toContain('sysctl -w net.core.rmem_max=5000')
  expect(openSockets(configFor('0.0.0.0:3000', 'auto', 1000), 1).warnings).toEqual([])
  expect(openSockets(configFor('0.0.0.0:3000', 'auto', 0), 1).warnings).toEqual([])
})
