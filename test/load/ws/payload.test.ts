import { describe, expect, test } from 'bun:test'
import { KIND_ANSWER, KIND_OFFER, Payload, SDP_CHARACTERS_MIN } from '../../../load/ws/payload.ts'

const payload = new Payload(650, 7)
/** Number 64 has characters outside of ASCII, 65 has none. */
const NUMBERS = [64, 65]

function sdp(number: number, kind = KIND_OFFER): string {
  return JSON.parse(`"${payload.json(kind, 3, 12, number)}"`)
}

describe('a session description', () => {
  test('has the length that was asked for, and says what it is about', () => {
    for (const characters of [SDP_CHARACTERS_MIN, 650, 5000]) {
      const payload = new Payload(characters, 7)
      for (const number of NUMBERS) {
        const text = JSON.parse(`"${payload.json(KIND_ANSWER, 2 ** 31, 12, number)}"`)
        expect(text).toHaveLength(characters)
        const read = { isWhole: true, connection: 2 ** 31, torrent: 12, number }
        expect(payload.read(KIND_ANSWER, text)).toEqual(read)
      }
    }
  })

  test('is not whole with any character changed, missing or added', () => {
    for (const number of NUMBERS) {
      const text = sdp(number)
      for (let i = 0; i < text.length; i++) {
        const changed = String.fromCharCode(text.charCodeAt(i) ^ 1)
        for (const instead of [changed, '', text[i] + text[i]]) {
          const other = text.slice(0, i) + instead + text.slice(i + 1)
          expect(payload.read(KIND_OFFER, other).isWhole).toBe(false)
        }
      }
    }
  })

  test('of another kind or another run is not whole', () => {
    expect(payload.read(KIND_ANSWER, sdp(65)).isWhole).toBe(false)
    expect(new Payload(650, 8).read(KIND_OFFER, sdp(65)).isWhole).toBe(false)
    expect(payload.read(KIND_OFFER, '').isWhole).toBe(false)
  })
})
