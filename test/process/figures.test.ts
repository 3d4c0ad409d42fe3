import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { ProcessFigures } from '../../src/process/figures.ts'

function figure(figures: ProcessFigures, name: string): number {
  const family = figures.families().find((found) => found.name === name)
  const [sample] = (family as unknown as { samples: { value: number }[] }).samples
  return sample.value
}

test('shows what the process uses, as the system sees it', () => {
  const before = Date.now() / 1000
  const figures = new ProcessFigures()
  const of = (name: string) => figure(figures, name)
  const resident = Number(
    /^VmRSS:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1],
  )
  // The shared size comes next, and is nearly as large.
  const share = of('process_resident_memory_bytes') / 1024 / resident
  expect(Math.abs(share - 1)).toBeLessThan(0.05)
  const { user, system } = process.cpuUsage()
  const cpu = of('process_cpu_seconds_total')
  expect(cpu).toBeGreaterThanOrEqual((user + system) / 1e6)
  expect(cpu).toBeLessThan((user + system) / 1e6 + 5)
  const started = of('process_start_time_seconds')
  expect(started).toBeGreaterThanOrEqual(before - 1)
  expect(started).toBeLessThanOrEqual(Date.now() / 1000)
  const open = readdirSync('/proc/self/fd').length
  expect(Math.abs(of('process_open_fds') - open)).toBeLessThan(5)
  expect(of('process_max_fds')).toBeGreaterThanOrEqual(open)
})
