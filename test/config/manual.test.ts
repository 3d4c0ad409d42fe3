import { describe, expect, test } from 'bun:test'
import { manualText } from '../../src/config/manual.ts'
import { section } from '../../src/config/schema.ts'
import { integer } from '../../src/config/setting.ts'

describe('a manual', () => {
  const text = manualText({
    name: 'demo',
    source: 'src/demo.ts',
    schema: {
      cleaning: section('Forgetting.', {
        max_age: integer(5, { min: 1, max: 9 }, 'How long.\n\n$ date +%s'),
      }),
      workers: integer(1, { min: 1, max: 2 }, 'Threads.'),
    },
  })

  test('tells default, limits, variable and explanation of each setting', () => {
    expect(text).toContain(
      '### `max_age`\n\n- default: `5`\n- allowed: a whole number from 1 to 9\n' +
        '- environment: `AQUATIC_CLEANING_MAX_AGE`\n\nHow long.\n\n```sh\ndate +%s\n```\n',
    )
    expect(text).toContain('## `[cleaning]`\n\nForgetting.\n')
  })

  test('begins with a table whose links have their targets', () => {
    const targets = [...text.matchAll(/\]\(#([^)]+)\)/g)].map((match) => match[1])
    expect(targets).toEqual(['workers', 'cleaning-max_age'])
    for (const target of targets) expect(text).toContain(`<a id="${target}"></a>`)
  })
})
