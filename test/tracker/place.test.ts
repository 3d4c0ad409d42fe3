// What a protocol is told of the others of its process.
import { expect, test } from 'bun:test'
import type { PeerKindName } from '../../src/swarm/layout.ts'
import { kindsOf, placeOf } from '../../src/tracker/place.ts'

const TELL = { info: () => {}, warn: () => {} }
const BY_ADDRESS: readonly PeerKindName[] = ['ipv4', 'ipv6']

const planned = (kinds: readonly PeerKindName[], descriptors: number) => ({
  type: { kinds },
  plan: { descriptors },
})

const UDP = planned(BY_ADDRESS, 3)
const HTTP = planned(BY_ADDRESS, 50)
const WS = planned(['websocket'], 700)

test('the only protocol has its swarms for itself', () => {
  expect(placeOf([UDP], 0, TELL)).toMatchObject({
    sharesSwarms: false,
    tendsSwarms: true,
    isFirst: true,
    otherDescriptors: 0,
  })
})

test('of those with the same kinds of peers the first tends the swarms, and each knows that it shares them', () => {
  const all = [WS, UDP, HTTP]
  const places = all.map((_, i) => placeOf(all, i, TELL))
  expect(places.map(({ sharesSwarms }) => sharesSwarms)).toEqual([false, true, true])
  expect(places.map(({ tendsSwarms }) => tendsSwarms)).toEqual([true, true, false])
  expect(places.map(({ isFirst }) => isFirst)).toEqual([true, false, false])
  expect(places.map(({ otherDescriptors }) => otherDescriptors)).toEqual([53, 750, 703])
})

test('kinds are counted once', () => {
  expect(kindsOf([UDP, HTTP, WS].map(({ type }) => type))).toEqual(['ipv4', 'ipv6', 'websocket'])
})
