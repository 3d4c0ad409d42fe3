// Every conformance check of UDP can fail: with its fault planted in a small tracker it does, without it does not.
import { expect, test } from 'bun:test'
import { checksOf } from '../../../doctor/tracker/conformance.ts'
import { outcomesAt } from './planted.ts'
import { UDP_FAULTS } from './udp-faults.ts'
import { type UdpFault, UdpTracker } from './udp-tracker.ts'

async function outcomesWith(fault: UdpFault, only?: string) {
  const tracker = await UdpTracker.open(fault)
  try {
    return await outcomesAt(`udp://127.0.0.1:${tracker.port}/announce`, only)
  } finally {
    tracker.close()
  }
}

test('the small tracker is right without a fault', async () => {
  const outcomes = await outcomesWith({})
  expect(outcomes.filter(({ result }) => result !== 'pass')).toEqual([])
}, 180_000)

test.each(checksOf('udp').map(({ name }) => name))(
  '%s sees its fault',
  async (name) => {
    expect(Object.keys(UDP_FAULTS)).toContain(name)
    const [outcome] = await outcomesWith(UDP_FAULTS[name], name)
    expect(outcome).toMatchObject({ name, result: 'fail' })
  },
  180_000,
)

test('no fault is of a check that there is not', () => {
  const names = checksOf('udp').map(({ name }) => name)
  expect(Object.keys(UDP_FAULTS).filter((name) => !names.includes(name))).toEqual([])
})
