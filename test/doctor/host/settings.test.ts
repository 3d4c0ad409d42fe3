import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../../doctor/command-line.ts'
import { wantsOf } from '../../../doctor/host/settings.ts'
import { portsOf, together, wantsIpv6 } from '../../../doctor/host/wants.ts'
import { folderOfFile } from '../../support/folder.ts'

const folder = folderOfFile()
let files = 0

function wantsIn(
  text: string,
  options: { name?: string; program?: string; environment?: Record<string, string> } = {},
) {
  const { name = `settings-${files++}.toml`, program = null, environment = {} } = options
  const configPath = join(folder, name)
  writeFileSync(configPath, text)
  return wantsOf({ configPath, program, environment })
}

test('without a file: the default settings of aquatic', () => {
  const wants = wantsOf({ configPath: null, program: null, environment: {} })
  expect(wants).toMatchObject({
    source: 'the default settings of aquatic',
    servesUdp: true,
    servesTcp: true,
    sharesConnectionIds: false,
    receiveBuffer: 524_288,
    connections: 200_000,
  })
  expect(portsOf(wants, 'udp')).toEqual([3000])
  expect(portsOf(wants, 'tcp')).toEqual([3000, 3001])
  expect(wantsIpv6(wants)).toBe(true)
  expect(wants.reserveBytes).toBeGreaterThan(10 ** 9)
})

describe('whose settings a file has', () => {
  test.each([
    ['[udp.network]\naddress = "0.0.0.0:4000"\n', 'aquatic', [4000]],
    [
      '[network]\nsocket_recv_buffer_size = 1000000\naddress = "0.0.0.0:5000"\n',
      'aquatic_udp',
      [5000],
    ],
    ['[network]\nkeep_alive = true\naddress = "0.0.0.0:6000"\n', 'aquatic_http', [6000]],
    ['[protocol]\nmax_offers = 5\n[network]\naddress = "0.0.0.0:7000"\n', 'aquatic_ws', [7000]],
  ])('%j', (text, program, ports) => {
    const wants = wantsIn(text)
    expect(wants.source).toContain(`(${program})`)
    expect([...portsOf(wants, 'udp'), ...portsOf(wants, 'tcp')]).toEqual(
      expect.arrayContaining(ports),
    )
  })

  const SHARED = '[network]\naddress = "0.0.0.0:4000"\n'

  test('what may be several’s is asked for, unless the name or --program tells', () => {
    expect(() => wantsIn(SHARED)).toThrow(
      /may be for aquatic_udp or aquatic_http or aquatic_ws: say which/,
    )
    expect(wantsIn(SHARED, { name: 'aquatic_http.toml' })).toMatchObject({
      servesUdp: false,
      servesTcp: true,
      sharesConnectionIds: false,
    })
    expect(wantsIn(SHARED, { program: 'aquatic_udp' })).toMatchObject({
      servesUdp: true,
      servesTcp: false,
      sharesConnectionIds: false,
    })
    expect(() => wantsIn(SHARED, { program: 'opentracker' })).toThrow(
      /is none of aquatic, aquatic_udp/,
    )
  })

  test('mistakes are those of the program that it fits best, with their lines', () => {
    const text = '[network]\nsocket_recv_buffer_size = 1000000\naddress = "nonsense"\n'
    expect(() => wantsIn(text)).toThrow(UsageError)
    expect(() => wantsIn(text)).toThrow(/mistakes in the settings of aquatic_udp:\n.*:3: /)
    expect(() =>
      wantsOf({ configPath: join(folder, 'gone'), program: null, environment: {} }),
    ).toThrow(UsageError)
  })
})

test('the environment overrides the file', () => {
  const environment = { AQUATIC_NETWORK_ADDRESS: '0.0.0.0:4321' }
  const wants = wantsIn('[network]\naddress = "0.0.0.0:1"\n', {
    program: 'aquatic_udp',
    environment,
  })
  expect(portsOf(wants, 'udp')).toEqual([4321])
})

test('ports of loopback, and those that the system chooses, are not the host’s business', () => {
  const text =
    '[network]\naddress = ["127.0.0.1:3000", "0.0.0.0:0", "[::1]:3000"]\naddress_ipv6 = ""\n'
  expect(wantsIn(text, { program: 'aquatic_udp' }).ports).toEqual([])
})

test('a socket for both families is wanted in both', () => {
  const wants = wantsIn('[network]\naddress = "[::]:3000"\n', { program: 'aquatic_udp' })
  expect(wants.ports.map(({ family }) => family)).toEqual([4, 6])
})

test('protocols that are not served ask for nothing', () => {
  const wants = wantsIn('[udp]\nenabled = false\n[http]\nenabled = false\n')
  expect(wants).toMatchObject({
    servesUdp: false,
    servesTcp: true,
    sharesConnectionIds: false,
    receiveBuffer: 0,
    connections: 100_000,
  })
  expect(portsOf(wants, 'udp')).toEqual([])
})

test('several trackers on one host ask for all of it', () => {
  const udp = wantsIn('', { program: 'aquatic_udp' })
  const http = wantsIn('[network]\naddress = "0.0.0.0:80"\n', { program: 'aquatic_http' })
  const both = together([udp, http], 'both')
  expect(both).toMatchObject({
    source: 'both',
    servesUdp: true,
    servesTcp: true,
    sharesConnectionIds: false,
    receiveBuffer: 524_288,
    connections: 100_000,
  })
  expect(both.reserveBytes).toBe(udp.reserveBytes + http.reserveBytes)
  expect(portsOf(both, 'tcp')).toEqual([80])
})
