// What the load testers for UDP and HTTP make of a tracker that is right, that omits answers, or that is wrong. Used
// by their checks.test.ts.
import { expect } from 'bun:test'
import type { Finished } from './tester.ts'

/** `wrong`: a kind of wrong answer that the protocol has, as the report must name it. */
export function expectRight({ code, json, stderr }: Finished, wrong: string): void {
  expect(json.wrong).toMatchObject({ [wrong]: 0, unknown_peer: 0, count_low: 0 })
  expect(json.wrong_answers).toBe(0)
  expect(json.missing).toEqual({})
  expect(stderr).not.toContain('wrong')
  expect(code).toBe(0)
  // It had something to check.
  expect(json.summary.counts.returned_peers).toBeGreaterThan(1000)
  expect(json.summary.counts.answered_scrape).toBeGreaterThan(10)
}

export function expectMissing(finished: Finished, kind: string): void {
  const { code, json, stderr, stdout, html } = finished
  expect(json.wrong_answers).toBe(0)
  expect(Object.keys(json.missing)).toEqual([kind])
  expect(json.missing[kind]).toBeGreaterThan(9)
  expect(stderr).toMatch(/\d+ of \d+ answers to (scrapes|announces) are missing/)
  expect(stdout).toStartWith('verdict: WRONG')
  expect(html).toContain('class="alarm"')
  expect(code).toBe(3)
}

export function expectWrong(finished: Finished, counted: string): void {
  const { code, json, stderr, stdout, html } = finished
  expect(json.wrong[counted], JSON.stringify(json.wrong)).toBeGreaterThan(0)
  expect(code).toBe(3)
  expect(stderr).toMatch(/\d+ wrong answers/)
  expect(stdout).not.toMatch(/^none\b/m)
  expect(html).toContain('class="alarm"')
}
