import { createEmbeddedSubject } from '../../testing/embedded-fixture.js';
import { storeConformance } from '../../testing/store-conformance.js';
import { storeWalk } from '../../testing/store-walk.js';

storeConformance('the embedded store', createEmbeddedSubject);
storeWalk('the embedded store', createEmbeddedSubject, { runs: 25 });
