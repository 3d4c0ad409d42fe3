// What is wrong with [pressure], in the words of whoever has to mend it.
import { describe, expect, test } from 'bun:test'
import { aquaticTracker } from '../../src/aquatic/protocols.ts'
import { loadSettings } from '../../src/config/load.ts'
import { httpSettings } from '../../src/http/settings/config.ts'
import { udpSettings } from '../../src/udp/settings/config.ts'
import { wsSettings } from '../../src/ws/settings/program.ts'

type Load = (environment: Record<string, string>) => { readonly problems: readonly string[] }

const PROGRAMS: readonly (readonly [string, Load])[] = [
  ['aquatic_udp', (environment) => loadSettings(udpSettings, null, environment)],
  ['aquatic_http', (environment) => loadSettings(httpSettings, null, environment)],
  ['aquatic_ws', (environment) => loadSettings(wsSettings, null, environment)],
  ['aquatic', (environment) => loadSettings(aquaticTracker.settings, null, environment)],
]

describe.each(PROGRAMS)('%s', (_, load) => {
  test.each([
    ['LONGER_INTERVALS', 90, 'longer_intervals_percent (90)', 'below turn_away_percent (85)'],
    ['TURN_AWAY', 95, 'turn_away_percent (95)', 'below refuse_percent (95)'],
    ['REFUSE', 80, 'turn_away_percent (85)', 'below refuse_percent (80)'],
  ])('refuses steps in the wrong order (%s = %d)', (name, value, first, second) => {
    const { problems } = load({ [`AQUATIC_PRESSURE_${name}_PERCENT`]: String(value) })
    expect(problems).toHaveLength(1)
    for (const part of [first, second, 'lower ', 'or raise ']) expect(problems[0]).toContain(part)
    const off = { AQUATIC_PRESSURE_ENABLED: 'false' }
    expect(load({ ...off, [`AQUATIC_PRESSURE_${name}_PERCENT`]: String(value) }).problems).toEqual(
      [],
    )
  })

  test.each([
    ['LONGER_INTERVALS_PERCENT', '0'],
    ['REFUSE_PERCENT', '101'],
    ['MAX_INTERVAL_FACTOR', '0'],
    ['MAX_INTERVAL_FACTOR', '1000'],
    ['LARGE_SWARM_PEERS', '0'],
    ['ENABLED', 'sometimes'],
  ])('refuses %s = %s', (name, value) => {
    const { problems } = load({ [`AQUATIC_PRESSURE_${name}`]: value })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(value)
  })
})

describe('the longest interval', () => {
  const load = (environment: Record<string, string>) => loadSettings(udpSettings, null, environment)

  test('that lists would not accept is warned of, with the factor that they would', () => {
    const { problems, warnings } = load({ AQUATIC_PROTOCOL_PEER_ANNOUNCE_INTERVAL: '3000' })
    expect(problems).toEqual([])
    const text = warnings.join('\n')
    expect(text).toContain('peer_announce_interval (3000) times [pressure] max_interval_factor (4)')
    expect(text).toContain('lower max_interval_factor to 3.')
  })

  test('for which peers could not be remembered is warned of', () => {
    const age = { AQUATIC_CLEANING_MAX_PEER_AGE: '10000' }
    expect(load(age).warnings.join('\n')).toContain('intervals become at most 2.8 times as long')
    const mild = { ...age, AQUATIC_PRESSURE_MAX_INTERVAL_FACTOR: '2' }
    expect(load(mild).warnings).toEqual([])
  })
})
