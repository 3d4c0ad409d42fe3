import { expect, test } from 'bun:test'
import { clockNanoseconds, clockSeconds, nowMilliseconds, readClock } from '../../src/os/clock.ts'

test('the clock goes forward, at the pace of the engine’s own', () => {
  const before = nowMilliseconds()
  const engineBefore = performance.now()
  const first = nowMilliseconds()
  let last = first
  while (performance.now() - engineBefore < 20) {
    const now = nowMilliseconds()
    expect(now).toBeGreaterThanOrEqual(last)
    last = now
  }
  // Each reading lies between two of the other clock's, however busy the machine is.
  const engine = performance.now() - engineBefore
  expect(last - first).toBeLessThanOrEqual(engine + 0.1)
  expect(nowMilliseconds() - before).toBeGreaterThanOrEqual(engine - 0.1)
})

test('seconds and nanoseconds are of the last reading', () => {
  const milliseconds = nowMilliseconds()
  const [seconds, nanoseconds] = [clockSeconds(), clockNanoseconds()]
  expect(seconds * 1000 + nanoseconds / 1e6).toBe(milliseconds)
  expect(nanoseconds).toBeLessThan(1e9)
  expect([clockSeconds(), clockNanoseconds()]).toEqual([seconds, nanoseconds])
  readClock()
  expect(clockSeconds() * 1e9 + clockNanoseconds()).toBeGreaterThan(seconds * 1e9 + nanoseconds)
})

// Connection ids and the ages of peers pass from thread to thread.
test('other threads and processes read the same clock', async () => {
  const script = `
    import { nowMilliseconds } from ${JSON.stringify(import.meta.resolve('../../src/os/clock.ts'))}
    console.log(nowMilliseconds())`
  const before = nowMilliseconds()
  const { stdout } = Bun.spawnSync([process.execPath, '-e', script])
  const between = Number(stdout.toString())
  expect(between).toBeGreaterThan(before)
  expect(between).toBeLessThan(nowMilliseconds())
})
