import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { holdYoungGeneration } from './platform/young-generation.ts'

if (import.meta.main) holdYoungGeneration()

// Stripping types from some hundred modules and compiling them is most of a start: what came of it is kept beside
// the packages (whoever can write there can replace the code itself; a folder for everybody would be a way in).
// Where nothing can be written the server starts as it is. `npm start` and the image name that folder in the
// environment, so that it serves this file too: whatever is not in it wakes Node's own compiler of types, 14 MiB.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/latchkey'))

const { start, fail } = await import('./start.ts')
if (import.meta.main) start().catch(fail)
