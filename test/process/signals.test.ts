import { describe, expect, test } from 'bun:test'
import { type OtherSignal, Signals } from '../../src/process/signals.ts'

const OTHERS: readonly OtherSignal[] = ['SIGHUP', 'SIGUSR1', 'SIGUSR2']

/** Signals that note what happens: exit codes, and what listeners heard. */
function watched() {
  const happened: (string | number)[] = []
  const signals = new Signals((code) => happened.push(code))
  for (const name of OTHERS) signals.on(name, () => happened.push(name))
  return { signals, happened, stop: () => happened.push('stop') }
}

describe('a stop', () => {
  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s ends a program that will not serve, with exit code %d', (name, code) => {
    const { signals, happened } = watched()
    signals.receive(name)
    expect(happened).toEqual([code])
  })

  test('while files are read ends the tracker at once, with exit code 0', () => {
    const { signals, happened } = watched()
    signals.opening()
    signals.receive('SIGTERM')
    expect(happened).toEqual([0])
  })

  test('while workers start waits until they serve', () => {
    const { signals, happened, stop } = watched()
    signals.opening()
    signals.starting()
    expect(signals.mustStop).toBe(false)
    signals.receive('SIGTERM')
    expect(signals.mustStop).toBe(true)
    expect(happened).toEqual([])
    signals.serving(stop)
    expect(happened).toEqual(['stop'])
  })

  test('for the second time while workers start ends the tracker at once', () => {
    const { signals, happened } = watched()
    signals.starting()
    signals.receive('SIGTERM')
    signals.receive('SIGINT')
    expect(happened).toEqual([0])
  })

  test('while it serves, and again while it stops, is passed on', () => {
    const { signals, happened, stop } = watched()
    signals.serving(stop)
    signals.receive('SIGTERM')
    signals.stopping()
    signals.receive('SIGINT')
    expect(happened).toEqual(['stop', 'stop'])
  })
})

describe.each([...OTHERS])('%s', (name) => {
  test('before the tracker serves is heard once it does, once', () => {
    const { signals, happened, stop } = watched()
    signals.receive(name)
    signals.opening()
    signals.receive(name)
    signals.starting()
    signals.receive(name)
    expect(happened).toEqual([])
    signals.serving(stop)
    expect(happened).toEqual([name])
  })

  test('is heard each time while it serves, by all who listen', () => {
    const { signals, happened, stop } = watched()
    signals.on(name, () => happened.push('another'))
    signals.serving(stop)
    signals.receive(name)
    signals.receive(name)
    expect(happened).toEqual([name, 'another', name, 'another'])
  })

  test('is not heard once it stops, or when a stop came before it served', () => {
    const late = watched()
    late.signals.serving(late.stop)
    late.signals.stopping()
    late.signals.receive(name)
    expect(late.happened).toEqual([])
    const early = watched()
    early.signals.starting()
    early.signals.receive(name)
    early.signals.receive('SIGTERM')
    early.signals.serving(early.stop)
    expect(early.happened).toEqual(['stop'])
  })
})

test('a tracker that gives way to another before it was quite there stays stopped', () => {
  const { signals, happened, stop } = watched()
  signals.starting()
  signals.stopping()
  signals.serving(stop)
  signals.receive('SIGHUP')
  signals.receive('SIGTERM')
  expect(happened).toEqual(['stop'])
})
