import { describe, expect, test } from 'bun:test'
import {
  clock,
  interruptCore,
  processorLimit,
  steal,
} from '../../../doctor/host/checks/processor.ts'
import { plantedHost, subjectOf, UDP_ONLY } from './planted.ts'

const STAT = '/proc/stat'

/** user nice system idle iowait irq softirq steal guest */
function stat(cpu: readonly number[], ...cores: readonly (readonly number[])[]): string {
  const lines = cores.map((ticks, i) => `cpu${i} ${ticks.join(' ')} 0 0`)
  return `cpu  ${cpu.join(' ')} 0 0\n${lines.join('\n')}\nintr 1 2 3\n`
}

test('stolen time: now, and since the start', () => {
  const at = (ticks: readonly number[]) => ({ [STAT]: stat(ticks) })
  const found = (stolen: number) => {
    const earlier = at([0, 0, 0, 100_000, 0, 0, 0, 0])
    const now = at([0, 0, 0, 100_200 - stolen, 0, 0, 0, stolen])
    return steal(subjectOf(plantedHost(now, { earlier })))[0]
  }
  expect(found(2).severity).toBe('good')
  expect(found(20)).toMatchObject({
    severity: 'warning',
    text: expect.stringContaining('took 10 % of'),
  })
  expect(found(60).severity).toBe('fault')
  const always = at([0, 0, 0, 90_000, 0, 0, 0, 10_000])
  expect(steal(subjectOf(plantedHost(always)))[0].severity).toBe('warning')
})

test('a core that is full of soft interrupts', () => {
  const at = (soft: number) => ({
    [STAT]: stat(
      [0, 0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 200 - soft, 0, 0, soft, 0],
      [0, 0, 0, 200, 0, 0, 0, 0],
    ),
  })
  const earlier = {
    [STAT]: stat([0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0]),
  }
  const found = (soft: number) => interruptCore(subjectOf(plantedHost(at(soft), { earlier })))[0]
  expect(found(198)).toMatchObject({
    severity: 'fault',
    text: expect.stringContaining('99 % of a core (cpu0)'),
  })
  expect(found(120).severity).toBe('warning')
  expect(found(20).severity).toBe('good')
})

describe('a limit on processor time', () => {
  const TRACKER = { pid: 7, program: 'aquatic_udp', wants: UDP_ONLY }
  const folder = '/sys/fs/cgroup/a.service'
  const files = (throttled: number) => ({
    '/proc/7/cgroup': '0::/a.service\n',
    '/sys/fs/cgroup/cgroup.controllers': 'cpu\n',
    [`${folder}/cpu.max`]: '150000 100000\n',
    [`${folder}/cpu.stat`]: `usage_usec 1\nnr_periods 1000\nnr_throttled ${throttled}\n`,
  })

  test('that stops the tracker now is a fault', () => {
    const host = plantedHost(files(300), { earlier: files(280) })
    expect(processorLimit(subjectOf(host, UDP_ONLY, [TRACKER]))[0]).toMatchObject({
      severity: 'fault',
      text: expect.stringMatching(
        /limits it to 1.5 cores; .* 30 % of all periods, 10 times per second now/,
      ),
    })
  })

  test('that stopped it once, or never', () => {
    const severity = (throttled: number) =>
      processorLimit(subjectOf(plantedHost(files(throttled)), UDP_ONLY, [TRACKER]))[0].severity
    expect(severity(300)).toBe('warning')
    expect(severity(3)).toBe('note')
    const [calm] = processorLimit(subjectOf(plantedHost(files(300)), UDP_ONLY, [TRACKER]))
    expect(calm.text).toEndWith('30 % of all periods.')
    expect(severity(0)).toBe('good')
  })

  test('of the old kind', () => {
    const host = plantedHost({
      '/proc/self/cgroup': '2:cpu,cpuacct:/box\n',
      '/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us': '50000\n',
      '/sys/fs/cgroup/cpu/box/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu/box/cpu.stat': 'nr_periods 10\nnr_throttled 9\n',
    })
    expect(processorLimit(subjectOf(host))[0].text).toContain('0.5 cores')
  })

  test('none is good', () => {
    const host = plantedHost({ ...files(0), [`${folder}/cpu.max`]: 'max 100000\n' })
    expect(processorLimit(subjectOf(host, UDP_ONLY, [TRACKER]))[0].severity).toBe('good')
  })
})

test('the clock', () => {
  expect(clock(subjectOf(plantedHost({}, { clock: true })))[0].severity).toBe('good')
  expect(clock(subjectOf(plantedHost({}, { clock: false })))[0].severity).toBe('warning')
  expect(clock(subjectOf(plantedHost({}, { clock: false }), UDP_ONLY))[0].severity).toBe('note')
  const shared = { ...UDP_ONLY, sharesConnectionIds: true }
  const [finding] = clock(subjectOf(plantedHost({}, { clock: false }), shared))
  expect([finding.severity, finding.cost]).toEqual([
    'warning',
    expect.stringContaining('share its connection ids'),
  ])
  expect(clock(subjectOf(plantedHost({}, { clock: null })))[0].text).toContain('cannot be told')
})
