// Sections in sections, such as [udp.network]: in a file, in the environment, and in all that is derived.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { changesBetween } from '../../src/config/changes.ts'
import { loadSettings } from '../../src/config/load.ts'
import { settingsPage } from '../../src/config/man-page.ts'
import { manualText } from '../../src/config/manual.ts'
import {
  type ConfigOf,
  defaultsOf,
  defineSettings,
  entriesOf,
  section,
  sectionsOf,
} from '../../src/config/schema.ts'
import { boolean, integer, string } from '../../src/config/setting.ts'
import { defaultFile, effectiveFile } from '../../src/config/toml-text.ts'
import { newFolder, removeFolder } from '../support/folder.ts'

const network = section('Net.', { address: string('a', {}, 'Address.') })
const schema = {
  udp: section('UDP.', {
    network,
    enabled: boolean(true, 'Serve it.'),
    limits: section('Limits.', { max_peers: integer(5, { min: 1, max: 9 }, 'Peers.') }),
  }),
  ws: section('WS.', { enabled: boolean(true, 'Serve it.'), network }),
  log_level: string('error', {}, 'Level.'),
}
const retired = { 'udp.network.old': 'delete it.', 'udp.metrics.port': 'it is gone.' }
const settings = defineSettings({ schema, retired, crossCheck: () => [] })
const program = { name: 'both', description: 'program', settings }

let folder = ''

beforeAll(() => {
  folder = newFolder()
})

afterAll(() => removeFolder(folder))

function load(text: string, environment = {}) {
  const path = join(folder, 's.toml')
  writeFileSync(path, text)
  const loaded = loadSettings(settings, path, environment)
  return { ...loaded, problems: loaded.problems.map((line) => line.replace(path, 'F')) }
}

describe('sections in sections', () => {
  test('give the type of the configuration and its defaults', () => {
    const config: ConfigOf<typeof schema> = defaultsOf(schema)
    expect(config).toEqual({
      log_level: 'error',
      udp: { enabled: true, network: { address: 'a' }, limits: { max_peers: 5 } },
      ws: { enabled: true, network: { address: 'a' } },
    })
    // @ts-expect-error a number is wanted
    config.udp.limits.max_peers = '5'
  })

  test("come after their section's own settings", () => {
    expect(entriesOf(schema).map(({ path }) => path)).toEqual([
      'log_level',
      'udp.enabled',
      'udp.network.address',
      'udp.limits.max_peers',
      'ws.enabled',
      'ws.network.address',
    ])
    expect(sectionsOf(schema)).toEqual(['udp', 'udp.network', 'udp.limits', 'ws', 'ws.network'])
  })

  test('are read as a file has them, by header, dotted key or inline table', () => {
    const texts = [
      "[udp.network]\naddress = 'x'",
      "udp.network.address = 'x'",
      "[udp]\nnetwork = { address = 'x' }",
    ]
    for (const text of texts) {
      const { config, problems } = load(text)
      expect(problems).toEqual([])
      expect(config.udp.network.address).toBe('x')
      expect(config.ws.network.address).toBe('a')
    }
  })

  test('name environment variables', () => {
    const { config, problems } = load('', { AQUATIC_UDP_LIMITS_MAX_PEERS: '7' })
    expect(problems).toEqual([])
    expect(config.udp.limits.max_peers).toBe(7)
    expect(load('', { AQUATIC_NETWORK_ADDRESS: 'x' }).problems).toEqual([
      'environment variable AQUATIC_NETWORK_ADDRESS names no setting of this program; ' +
        'did you mean AQUATIC_UDP_NETWORK_ADDRESS or AQUATIC_WS_NETWORK_ADDRESS?',
    ])
  })

  test('whose variables are the same are refused', () => {
    const same = { ...schema, udp_network: section('', { address: string('', {}, '') }) }
    expect(() => defineSettings({ schema: same, retired: {}, crossCheck: () => [] })).toThrow(
      'AQUATIC_UDP_NETWORK_ADDRESS',
    )
  })

  test('are located in messages, with where a key or section belongs', () => {
    const text = [
      '[udp.limits]',
      'max_peers = 10',
      'max_peer = 1',
      '[udp.netwrk]',
      "address = 'x'",
      '[network]',
      "address = 'x'",
      '[ws]',
      'network = 1',
      'max_peers = 1',
      '[udp.network]',
      'old = 1',
      '[udp.metrics]',
      'port = 1',
    ].join('\n')
    expect(load(text).problems.sort()).toEqual(
      [
        'F:2: [udp.limits] max_peers = 10 is too large: allowed is a whole number from 1 to 9. Lower it, ' +
          'or delete the line to have the default, 5.',
        'F:3: [udp.limits] max_peer is not a setting of this program. Did you mean [udp.limits] max_peers?',
        'F:4: [udp.netwrk] is not a section of this program. Did you mean [udp.network]?',
        'F:6: [network] is not a section of this program. Write [udp.network] or [ws.network].',
        'F:9: ws.network is a number, but it is the name of a section: write [ws.network] on a line of ' +
          'its own and its keys below.',
        'F:10: [ws] max_peers is not a setting of this program. It belongs in section [udp.limits].',
        'F:12: [udp.network] old is not a setting here: delete it.',
        'F:14: [udp.metrics] port is not a setting here: it is gone.',
      ].sort(),
    )
  })

  test('are written by -p and -P so that reading them gives the same', () => {
    const printed = load(defaultFile('both', schema))
    expect(printed.problems).toEqual([])
    expect(printed.origins.size).toBe(6)
    const { config } = load("[ws.network]\naddress = 'y'")
    const again = load(effectiveFile(schema, config, () => ''))
    expect(again.problems).toEqual([])
    expect(again.config).toEqual(config)
    expect(changesBetween(schema, defaultsOf(schema), config)).toEqual([
      { path: 'ws.network.address', text: "[ws.network] address = 'y' (it was 'a')" },
    ])
  })

  test('have their place in the manual and on the manual page', () => {
    const manual = manualText({ name: 'both', source: 's.ts', schema })
    expect(manual).toContain('## `[udp.network]`\n\nNet.')
    expect(manual).toContain('(#udp-network-address)')
    expect(manual).toContain('<a id="udp-network-address"></a>')
    const page = settingsPage(program, { version: '1', isService: true, signals: [] })
    expect(page).toContain('.SH [udp.limits]\nLimits.')
  })
})
