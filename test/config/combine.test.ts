// What a program of several gets of the settings of each: names, texts, values, in both directions.
import { describe, expect, test } from 'bun:test'
import { combinedSchema, Lens, type Part } from '../../src/config/combine.ts'
import { defaultsOf, entriesOf, section, sectionAt } from '../../src/config/schema.ts'
import { boolean, integer, string } from '../../src/config/setting.ts'

const RANGE = { min: 0, max: 99 }

function partOf(name: string, schema: Part['schema'], more: Partial<Part> = {}): Part {
  return {
    name,
    explanation: `${name}.`,
    schema,
    retired: {},
    isShared: (path) => path === 'log' || path === 'limits.peers' || path.startsWith('page.'),
    omitted: [],
    defaults: {},
    extra: { enabled: boolean(true, 'Serve it.') },
    ...more,
  }
}

const udp = new Lens(
  partOf(
    'udp',
    {
      workers: integer(1, RANGE, 'Threads.'),
      log: string('error', {}, 'Level.'),
      network: section('Net of [limits].', { address: string('a', {}, 'See [limits] peers.') }),
      limits: section('Limits.', {
        peers: integer(5, RANGE, 'Keep [network]\n address and [page] port in mind.'),
        connects: integer(6, RANGE, 'Of [network].'),
      }),
      page: section('Page.', { port: integer(7, RANGE, 'Port.') }),
    },
    {
      retired: {
        threads: 'it is called workers.',
        'network.host': 'it is called [network] address.',
        'limits.all': 'it is called [limits] peers.',
        'page.host': 'it is gone.',
        'old.key': 'it is gone.',
      },
      defaults: { 'network.address': 'b' },
    },
  ),
)
const ws = new Lens(
  partOf(
    'ws',
    {
      log: string('warn', {}, 'Another level.'),
      network: section('Net.', { address: string('a', {}, 'A.'), vain: integer(1, RANGE, 'V.') }),
      limits: section('Ws.', { peers: integer(1, RANGE, 'P.'), offers: integer(2, RANGE, 'O.') }),
      page: section('Page.', { port: integer(7, RANGE, 'P.'), title: string('t', {}, 'T.') }),
    },
    { omitted: ['network.vain'] },
  ),
)
const schema = combinedSchema([udp, ws])

describe('settings of several programs', () => {
  test('have shared settings once, and what is one’s own under its name', () => {
    expect(entriesOf(schema).map(({ path }) => path)).toEqual([
      'log',
      'udp.enabled',
      'udp.workers',
      'udp.network.address',
      'udp.limits.connects',
      'ws.enabled',
      'ws.network.address',
      'ws.limits.offers',
      'limits.peers',
      'page.port',
      'page.title',
    ])
  })

  test('explain a shared one as the first does, and have defaults of their own', () => {
    const defaults = defaultsOf(schema)
    expect(defaults).toMatchObject({ log: 'error', limits: { peers: 5 } })
    expect(defaults).toMatchObject({ udp: { network: { address: 'b' } } })
    expect(sectionAt(schema, 'limits').explanation).toBe('Limits.')
  })

  test('are seen by each as by a program of its own', () => {
    const config = defaultsOf(schema)
    expect<object>(udp.config(config)).toEqual({
      workers: 1,
      log: 'error',
      network: { address: 'b' },
      limits: { peers: 5, connects: 6 },
      page: { port: 7 },
    })
    expect<object>(ws.config(config)).toEqual({
      log: 'error',
      network: { address: 'a', vain: 1 },
      limits: { peers: 5, offers: 2 },
      page: { port: 7, title: 't' },
    })
  })

  test('map paths both ways', () => {
    for (const [inner, outer] of [
      ['network.address', 'ws.network.address'],
      ['limits.peers', 'limits.peers'],
      ['limits.offers', 'ws.limits.offers'],
    ]) {
      expect(ws.outer(inner)).toBe(outer)
      expect(ws.inner(outer)).toBe(inner)
    }
    expect(ws.outer('network.vain')).toBeUndefined()
    expect(ws.inner('udp.network.address')).toBeUndefined()
    expect(ws.inner('ws.enabled')).toBeUndefined()
  })

  test('are called in sentences as they are called here', () => {
    expect(
      udp.text('[network] address = 1, [limits] peers and [limits]\n connects of [network]:'),
    ).toBe(
      '[udp.network] address = 1, [limits] peers and [udp.limits]\n connects of [udp.network]:',
    )
    expect(udp.text("[page] and [limits] both, [::1] and ['a'], [none] key")).toBe(
      "[page] and [limits] both, [::1] and ['a'], [none] key",
    )
    const explanations = entriesOf(schema).map(({ setting }) => setting.explanation)
    expect(explanations).toContain('Keep [udp.network]\n address and [page] port in mind.')
    expect(explanations).toContain('Of [udp.network].')
  })

  test('know the keys that are gone, in each place where they may stand', () => {
    expect(udp.retired()).toEqual({
      'udp.threads': 'it is called workers.',
      'udp.network.host': 'it is called [udp.network] address.',
      'limits.all': 'it is called [limits] peers.',
      'udp.limits.all': 'it is called [limits] peers.',
      'page.host': 'it is gone.',
      'udp.old.key': 'it is gone.',
    })
  })
})
