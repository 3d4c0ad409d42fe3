import { describe, expect, test } from 'bun:test'
import {
  type ConfigOf,
  defaultsOf,
  defineSettings,
  entriesOf,
  section,
  titleOf,
} from '../../src/config/schema.ts'
import { boolean, choice, integer, stringOrList } from '../../src/config/setting.ts'

const schema = {
  network: section('Net.', { address: stringOrList('x', {}, 'Address.') }),
  log_level: choice('error', ['off', 'error'], 'Level.'),
  limits: section('Limits.', {
    max_peers: integer(5, { min: 1, max: 9 }, 'Peers.'),
    strict: boolean(true, 'Strict.'),
  }),
}

describe('a schema', () => {
  test('gives the type of the configuration', () => {
    const config: ConfigOf<typeof schema> = {
      network: { address: ['x', 'y'] },
      log_level: 'off',
      limits: { max_peers: 5, strict: false },
    }
    // @ts-expect-error the level has two words only
    config.log_level = 'loud'
    // @ts-expect-error there is no such key
    config.limits.max_torrents = 5
    // @ts-expect-error a number is wanted
    config.limits.max_peers = '5'
  })

  test('gives the defaults', () => {
    expect(defaultsOf(schema)).toEqual({
      network: { address: 'x' },
      log_level: 'error',
      limits: { max_peers: 5, strict: true },
    })
  })

  test('lists settings outside of sections first, as a TOML file must', () => {
    expect(entriesOf(schema).map(titleOf)).toEqual([
      'log_level',
      '[network] address',
      '[limits] max_peers',
      '[limits] strict',
    ])
  })

  test('names environment variables by section and key', () => {
    expect(entriesOf(schema).map((entry) => entry.variable)).toEqual([
      'AQUATIC_LOG_LEVEL',
      'AQUATIC_NETWORK_ADDRESS',
      'AQUATIC_LIMITS_MAX_PEERS',
      'AQUATIC_LIMITS_STRICT',
    ])
  })

  test('in which two settings share an environment variable is refused', () => {
    const number = integer(1, { min: 1, max: 1 }, '')
    const ambiguous = {
      network_address: number,
      network: section('', { address: number }),
    }
    expect(() => defineSettings({ schema: ambiguous, retired: {}, crossCheck: () => [] })).toThrow(
      'AQUATIC_NETWORK_ADDRESS',
    )
  })

  test('a setting that is said to be common exists', () => {
    const common = ['socket_workers']
    expect(() => defineSettings({ schema: {}, retired: {}, crossCheck: () => [], common })).toThrow(
      'socket_workers is not a setting',
    )
  })
})
