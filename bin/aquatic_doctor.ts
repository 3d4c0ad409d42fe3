// aquatic_doctor: says what is wrong with this host, or with a tracker that it asks as clients do.
import { runDoctor } from '../doctor/main.ts'

process.exit(await runDoctor(process.argv.slice(2), process.env))
