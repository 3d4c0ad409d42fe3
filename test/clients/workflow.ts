// The workflow that publishes a version, as data. Used by workflow.test.ts, and by container-engine.test.ts, which runs steps of it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const WORKFLOW = join(import.meta.dir, '../../.github/workflows/release.yml')

interface Step {
  readonly name?: string
  readonly run?: string
  readonly uses?: string
}

interface Job {
  readonly permissions?: Readonly<Record<string, string>>
  readonly 'timeout-minutes': number
  readonly if?: string
  readonly steps: readonly Step[]
}

export const workflow = Bun.YAML.parse(readFileSync(WORKFLOW, 'utf8')) as {
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, Job>>
}

export const steps: readonly Step[] = Object.values(workflow.jobs).flatMap((job) => job.steps)

/** What a step runs, by its name. */
export function scriptOf(name: string): string {
  const step = steps.find((one) => one.name === name)
  if (step?.run === undefined)
    throw new Error(`the workflow has no step «${name}» that runs something`)
  return step.run
}
