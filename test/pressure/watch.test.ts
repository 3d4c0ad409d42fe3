// From figures to what workers read: the ceilings, as protocols and swarms tell them, and what is shown and logged.
import { expect, test } from 'bun:test'
import { defaultsOf } from '../../src/config/schema.ts'
import type { Log } from '../../src/log/log.ts'
import type { ProtocolUse } from '../../src/pressure/ceilings.ts'
import { pressureSettings } from '../../src/pressure/settings.ts'
import { PressureWatch } from '../../src/pressure/watch.ts'
import { TOTAL_MAX_PEERS, TOTAL_MAX_TORRENTS } from '../../src/swarm/layout.ts'
import { Harness } from '../swarm/harness.ts'
import { valueOfFamily } from './families.ts'

const SETTINGS = defaultsOf(pressureSettings.settings)

/** A watch by a clock of its own, and what it has logged. */
function watched(use: () => Partial<ProtocolUse> = () => ({})) {
  const harness = new Harness()
  const lines: string[] = []
  const ages: number[] = []
  let now = 1_000_000
  const watch = new PressureWatch({
    config: { pressure: SETTINGS, cleaning: { max_peer_age: 1200 } },
    swarms: harness.buffers,
    protocols: () => [{ announceInterval: 900, ...use() }],
    ageMax: 28_000,
    aged: (seconds) => ages.push(seconds),
    log: {
      always: (level: string, text: string) => lines.push(`${level} ${text}`),
    } as unknown as Log,
    clock: () => now,
  })
  watch.start([])
  const check = (seconds = 1) => {
    for (let i = 0; i < seconds; i++) {
      now += 1000
      watch.check()
    }
    harness.swarms.pressure.look()
  }
  const value = (name: string, label = '') => valueOfFamily(watch.families(), name, label)
  return { harness, watch, lines, ages, check, value, pressure: harness.swarms.pressure }
}

test('workers are told, the operator too, and everything is as before in the end', () => {
  const { harness, watch, lines, ages, check, value, pressure } = watched()
  const totals = new Int32Array(harness.buffers.control)
  for (let peer = 0; peer < 90; peer++) harness.announce('ipv4', 1, peer)
  check()
  expect(watch.troubleSource.find()).toBeNull()
  expect(value('tracker_pressure_step')).toBe(0)
  totals[TOTAL_MAX_PEERS] = 100
  check()
  expect(value('tracker_pressure_step')).toBe(2)
  expect(value('tracker_pressure_ratio', 'peers')).toBe(0.9)
  expect(pressure).toMatchObject({ turnAwayFrom: 50, refuses: false, largeFrom: 50 })
  expect(watch.troubleSource.find()).toMatchObject({ severity: 'attention', isLogged: true })
  totals[TOTAL_MAX_PEERS] = 90
  check()
  expect(pressure.refuses).toBe(true)
  expect(watch.troubleSource.find()?.severity).toBe('bad')
  totals[TOTAL_MAX_PEERS] = 1000
  check(3 * 3600)
  expect(watch.troubleSource.find()).toBeNull()
  expect(pressure).toMatchObject({ refuses: false })
  expect(pressure.turnAwayFrom).toBeGreaterThan(1e9)
  expect(lines.map((line) => line.replace(/ of 3.*/, ''))).toEqual([
    'warn Pressure, step 2',
    'warn Pressure, step 3',
    'info Pressure, step 2',
    'info Pressure, step 1',
    'info No pressure any more: everybody is served as usual.',
  ])
  const entered = [1, 2, 3].map((step) => value('tracker_pressure_steps_total', String(step)))
  expect(entered).toEqual([1, 1, 1])
  expect(new Set(ages)).toEqual(new Set([1200]))
  watch.stop()
})

test('torrents lengthen intervals within the age, and refuse nobody', () => {
  const { harness, watch, check, value, pressure } = watched()
  for (let torrent = 0; torrent < 99; torrent++) harness.announce('ipv6', torrent, 1)
  new Int32Array(harness.buffers.control)[TOTAL_MAX_TORRENTS] = 100
  check(10_000)
  expect(value('tracker_pressure_step')).toBe(1)
  expect([pressure.interval(900, true), pressure.interval(300, true)]).toEqual([900, 900])
  expect(pressure.turnAwayFrom).toBeGreaterThan(1e9)
  expect(watch.troubleSource.find()?.text).toContain('99 % of torrents used')
  watch.stop()
})

test('connections lengthen intervals, and ages with them', () => {
  const { watch, ages, check, pressure, value } = watched(() => ({
    connections: { open: 850, max: 1000 },
  }))
  check()
  expect(pressure.interval(900, true)).toBe(3600)
  expect(pressure.age(1200)).toBe(4800)
  expect(ages.at(-1)).toBe(4800)
  expect(value('tracker_pressure_peer_age_factor')).toBe(4)
  expect(value('tracker_pressure_ratio', 'connections')).toBe(0.85)
  watch.configure({ pressure: SETTINGS, cleaning: { max_peer_age: 600 } })
  expect(ages.at(-1)).toBe(2400)
  watch.stop()
})

test('lost packets count against the twentieth that clients notice, over ten seconds', () => {
  let lost = 0
  let received = 0
  const { watch, check, value } = watched(() => ({ packets: { lost, received } }))
  const share = () => value('tracker_pressure_ratio', 'receive_buffers')
  const second = (gone: number, came: number) => {
    lost += gone
    received += came
    check()
  }
  second(50, 100)
  // Too few to tell anything.
  expect(share()).toBe(0)
  for (let i = 0; i < 10; i++) second(0, 100)
  for (let i = 0; i < 10; i++) second(40, 960)
  expect(share()).toBeCloseTo(0.8)
  for (let i = 0; i < 10; i++) second(500, 500)
  expect(share()).toBe(1)
  expect(value('tracker_pressure_step')).toBe(2)
  for (let i = 0; i < 11; i++) second(0, 1000)
  expect(share()).toBe(0)
  watch.stop()
})

test('what cannot be measured is not shown', () => {
  const { watch, check } = watched()
  check()
  const ratios = watch.families().find(({ name }) => name === 'tracker_pressure_ratio')
  const names = ratios?.samples.map(({ labels }) => labels.ceiling)
  expect(names).toEqual([
    'peers',
    'torrents',
    'memory',
    'receive_buffers',
    'connections',
    'descriptors',
  ])
  watch.stop()
})
