// Prints the bill of materials of the executables, CycloneDX in JSON: what npm says of the lockfile, and the libraries
// in the runtime, which npm does not know. The same commit gives the same bytes. Called by release.sh.
// Usage: bill-of-materials.ts SECONDS, the date of the release, since 1970.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { name, version } from '../package.json'
import { runtimeParts } from './third-party.ts'

const ROOT = join(import.meta.dir, '..')
const RUNTIME = 'bun'

interface Component {
  readonly 'bom-ref': string
  readonly type: string
  readonly name: string
  readonly version?: string
  readonly licenses: readonly object[]
}

interface Bill {
  readonly metadata: { readonly component: Component }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

function billOfNpm(): Bill {
  const command = ['npm', 'sbom', '--sbom-format=cyclonedx', '--package-lock-only', '--omit=dev']
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: ROOT })
  if (exitCode !== 0) {
    throw new Error(`${command.join(' ')} ended with ${exitCode} (npm 10 is needed): ${stderr}`)
  }
  return JSON.parse(stdout.toString())
}

/** The runtime comes as one package per platform, of which an executable holds one. */
function isPlatform(ref: string): boolean {
  return ref.startsWith('@oven/')
}

/** With the libraries that it links, as its parts. */
function runtimeWithParts(runtime: Component): object {
  const [, ...parts] = runtimeParts()
  const components = parts.map(([part, partVersion, licence]) => ({
    type: 'library',
    name: part,
    ...(partVersion === '' ? {} : { version: partVersion }),
    licenses: [{ license: { name: licence } }],
  }))
  return { ...runtime, type: 'framework', scope: 'required', components }
}

function complete({ metadata, components, dependencies }: Bill): object {
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      timestamp: new Date(Number(process.argv[2]) * 1000).toISOString(),
      // Npm takes the folder's name for the project's.
      component: { ...metadata.component, name, version, type: 'application' },
    },
    components: components
      .filter((component) => !isPlatform(component['bom-ref']))
      .map((component) => (component.name === RUNTIME ? runtimeWithParts(component) : component)),
    dependencies: dependencies
      .filter(({ ref }) => !isPlatform(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((on) => !isPlatform(on)) })),
  }
}

/** Random in npm's; here it follows from the rest. */
function serialNumber(text: string): string {
  const digits = createHash('sha256').update(text).digest('hex').slice(0, 32)
  const uuid = digits.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-8$3-8$4-$5')
  return `urn:uuid:${uuid}`
}

const bill = complete(billOfNpm())
console.log(JSON.stringify({ serialNumber: serialNumber(JSON.stringify(bill)), ...bill }, null, 1))
