import { expect, test } from 'bun:test'
import { benchSettings } from '../../../load/compare/config.ts'
import type { Measured } from '../../../load/compare/load.ts'
import { reportOf } from '../../../load/compare/report.ts'
import { defaultsOf } from '../../../src/config/schema.ts'

/** A second of a run in which the tracker's core was busy for `busy`, the tracker itself for 0.9. */
function report(busy: number, stolen: number, shortShare = 0): string {
  const measured: Measured = {
    seconds: 1,
    cpuSec: 0.9,
    responses: 1000,
    requests: 1000,
    lost: 0,
    errors: 0,
    wrong: 0,
    wrongKinds: { kind: 0, 'missing scrape': 12 },
    peersPerAnnounce: 1,
    shortShare,
    latency: { p50: 1, p99: 2, p999: 3 },
    generatorCpuSec: 0.5,
    cores: { busy: busy * 100, stolen: stolen * 100, all: 100 },
    rssKb: 1024,
    peakKb: 1024,
  }
  const run = { name: 'ours', remark: '', idleKb: 1024, measured, failure: '' }
  const config = { ...defaultsOf(benchSettings.schema), tracker_cores: '0' }
  const candidate = { name: 'ours', version: '1', entry: { hasWorkers: true } }
  return reportOf(
    {
      config,
      candidates: [candidate as never],
      missing: [],
      generator: 'ours 1',
      rounds: [[run], [run]],
    },
    null,
  )
}

test('a comparison on a machine that others used says so in bold, above its figures', () => {
  expect(report(0.92, 0)).not.toContain('**')
  const used = report(0.99, 0)
  expect(used).toContain("**The tracker's cores were not its own: others used 9.0 (9.0–9.0) %.")
  expect(used.indexOf('**')).toBeLessThan(used.indexOf('| tracker'))
  expect(report(0.92, 0.02)).toContain('the hypervisor took 2.0 (2.0–2.0) %')
})

test('missing results are listed with wrong ones', () => {
  expect(report(0.92, 0)).toContain('wrong answers: missing scrape 24')
})

test('a tracker that did less than the mix asks is named', () => {
  expect(report(0.92, 0, 0.009)).not.toContain('less than the mix')
  expect(report(0.92, 0, 0.17)).toContain('did up to 17.0 % less than the mix asks')
})
