import { describe, expect, test } from 'bun:test'
import { Progress } from '../../load/progress.ts'

function shown(isTerminal: boolean, durationSec: number, columns = 100) {
  let text = ''
  const write = (more: string) => {
    text += more
  }
  const progress = new Progress(durationSec, isTerminal, write, () => columns)
  return { progress, text: () => text }
}

describe('in a terminal', () => {
  test('one line is drawn again and again, with a bar', () => {
    const { progress, text } = shown(true, 10)
    progress.show(5, ['100 responses/s', 'lost 0 %'])
    progress.show(10, ['200 responses/s', 'lost 0 %'])
    expect(text()).not.toContain('\n')
    const lines = text().split('\r\x1b[K').slice(1)
    expect(lines[0]).toBe('▕██████████          ▏ 5/10 s  100 responses/s  lost 0 %')
    expect(lines[1]).toBe('▕████████████████████▏ 10/10 s  200 responses/s  lost 0 %')
  })

  test('a narrow one gets the parts that fit', () => {
    const { progress, text } = shown(true, 10, 48)
    progress.show(5, ['100 responses/s', 'lost 0 %', 'much more'])
    const line = text().replace('\r\x1b[K', '')
    expect([...line].length).toBeLessThan(48)
    expect(line).toEndWith('100 responses/s')
  })

  test('the line is gone at the end', () => {
    const { progress, text } = shown(true, 10)
    progress.show(5, ['100 responses/s'])
    progress.end()
    expect(text()).toEndWith('\r\x1b[K')
  })
})

describe('elsewhere', () => {
  test('there is a plain line every five seconds', () => {
    const { progress, text } = shown(false, 0)
    for (let second = 1; second <= 12; second++) progress.show(second, ['a', 'b'])
    expect(text()).toBe('5 s: a, b\n10 s: a, b\n')
  })

  test('timers that fire a little early lose no line', () => {
    const { progress, text } = shown(false, 20)
    for (let second = 1; second <= 12; second++) progress.show(second - 0.02, ['a'])
    expect(text()).toBe('5/20 s: a\n10/20 s: a\n')
  })
})
