// Package report draws a verdict as one page.
//
// Input is a Document: a verdict, and what is known of the services, of the time
// line and of the lane's records. Output of HTML is one file that needs no other:
// no script, no picture, no font and no network, and a policy in the page itself
// that forbids all of them. It is drawn for screens, light and dark, and for paper.
//
// Of gathers a Document from the evidence of a verdict. Both are pure: the same
// input is the same output.
//
// What always holds:
//   - No state is told by colour alone: its word and its sign stand beside it.
//   - Every text is one of many hands. It is escaped, and what a reader could not
//     see (control characters, marks that turn the direction of writing) becomes '?'.
//   - Nothing on the page is stronger than the verdict: it shows what the verdict
//     says and judges nothing itself.
package report
