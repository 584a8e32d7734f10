import { createEmbeddedSubject } from '../../testing/embedded-fixture.js';
import { storeConformance } from '../../testing/store-conformance.js';

storeConformance('the embedded store', createEmbeddedSubject);
