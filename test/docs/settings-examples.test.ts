// The settings files shown in README.md and docs/operations.md name settings that exist.
import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { aquaticTracker } from '../../src/aquatic/protocols.ts'
import { loadSettings } from '../../src/config/load.ts'
import { inFolder } from '../support/folder.ts'

const examples = ['README.md', 'docs/operations.md'].flatMap((path) => {
  const text = readFileSync(join(import.meta.dir, '../..', path), 'utf8')
  const found = [...text.matchAll(/^( *)```toml\n(.*?)^\1```/gms)]
  expect(found.length).toBeGreaterThan(0)
  return found.map(([, indent, example]) => [
    example.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  ])
})

test.each(examples)('is a valid file of aquatic, without a warning: %s', (example) =>
  inFolder((folder) => {
    const path = join(folder, 'aquatic.toml')
    // Addresses for documentation belong to nobody, of which the tracker warns.
    writeFileSync(path, example.replace('198.51.100.7', '8.8.8.8'))
    const { problems, warnings } = loadSettings(aquaticTracker.settings, path, {})
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
  }),
)

test('there are some', () => expect(examples.length).toBeGreaterThan(3))
