// The settings files shown in README.md name settings that exist.
import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { aquaticTracker } from '../../src/aquatic/protocols.ts'
import { loadSettings } from '../../src/config/load.ts'
import { inFolder } from '../support/folder.ts'

const text = readFileSync(join(import.meta.dir, '../../README.md'), 'utf8')
const examples = [...text.matchAll(/^```toml\n(.*?)```/gms)].map(([, example]) => [example])

test.each(examples)('is a valid file of aquatic, without a warning: %s', (example) =>
  inFolder((folder) => {
    const path = join(folder, 'aquatic.toml')
    writeFileSync(path, example)
    const { problems, warnings } = loadSettings(aquaticTracker.settings, path, {})
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
  }),
)

test('there is one', () => expect(examples.length).toBeGreaterThan(0))
