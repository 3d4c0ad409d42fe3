// What a protocol is told of the others of its process.
import { describe, expect, test } from 'bun:test'
import type { PeerKindName } from '../../src/swarm/layout.ts'
import { kindsOf, type PlannedProtocol, placeOf } from '../../src/tracker/place.ts'

const TELL = { info: () => {}, warn: () => {} }
const BY_ADDRESS: readonly PeerKindName[] = ['ipv4', 'ipv6']

const planned = (kinds: readonly PeerKindName[], descriptors: number, connections = 0) => ({
  type: { kinds },
  plan: { descriptors, connections },
})

const UDP = planned(BY_ADDRESS, 3)
const HTTP = planned(BY_ADDRESS, 50, 10_000)
const WS = planned(['websocket'], 700, 2000)
const DESCRIPTORS = 1_000_000

function placesOf(all: readonly PlannedProtocol[], descriptors = DESCRIPTORS) {
  return all.map((_, index) => placeOf(all, { index, descriptors, tell: TELL }))
}

test('the only protocol has its swarms for itself', () => {
  expect(placesOf([UDP])[0]).toMatchObject({
    sharesSwarms: false,
    tendsSwarms: true,
    isFirst: true,
    possibleConnections: 0,
  })
})

test('of those with the same kinds of peers the first tends the swarms, and each knows that it shares them', () => {
  const places = placesOf([WS, UDP, HTTP])
  expect(places.map(({ sharesSwarms }) => sharesSwarms)).toEqual([false, true, true])
  expect(places.map(({ tendsSwarms }) => tendsSwarms)).toEqual([true, true, false])
  expect(places.map(({ isFirst }) => isFirst)).toEqual([true, false, false])
})

describe('descriptors', () => {
  const connections = (all: readonly PlannedProtocol[], descriptors: number) =>
    placesOf(all, descriptors).map(({ possibleConnections }) => possibleConnections)

  test('suffice for all connections that the settings allow, or are shared out', () => {
    const all = [UDP, HTTP, WS]
    expect(connections(all, 753 + 12_000)).toEqual([0, 10_000, 2000])
    // Who wants less than an even share gets it, and the other one what remains.
    expect(connections(all, 753 + 11_999)).toEqual([0, 9999, 2000])
    expect(connections(all, 753 + 4001)).toEqual([0, 2001, 2000])
    expect(connections(all, 753 + 3000)).toEqual([0, 1500, 1500])
    expect(connections(all, 753 + 3)).toEqual([0, 2, 1])
  })

  test('of a protocol alone are all its own, and it has one connection without any', () => {
    expect(connections([HTTP], 50 + 9000)).toEqual([9000])
    expect(connections([HTTP], 10)).toEqual([1])
    expect(connections([HTTP, WS], 10)).toEqual([1, 1])
  })
})

test('kinds are counted once', () => {
  expect(kindsOf([UDP, HTTP, WS].map(({ type }) => type))).toEqual(['ipv4', 'ipv6', 'websocket'])
})
