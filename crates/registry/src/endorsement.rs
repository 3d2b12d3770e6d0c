//! Endorsements: the signed statements that put policies in force.

use lineal_core::Digest;

use crate::{
    Environment, Error, Policy, Registry, RegistryState,
    case::{Papers, envelope, paper, signers},
    claims::{EndorsementClaim, policy_kind},
    decision::SeenSigner,
    trust::Trust,
};

/// Where a policy is in force, and the envelope that says so.
pub(crate) struct InForce<'a> {
    pub(crate) endorsement: Digest,
    pub(crate) environment: &'a Environment,
    pub(crate) policy: Digest,
}

impl InForce<'_> {
    /// Verifies that somebody trusted has put this policy in force here; returns what was signed and by whom.
    pub(crate) fn verify(
        &self,
        papers: &Papers,
        trust: &dyn Trust,
    ) -> Result<(EndorsementClaim, Vec<SeenSigner>), Error> {
        let envelope = envelope(papers, &self.endorsement)?;
        let signers = signers(&envelope, trust);
        if signers.is_empty() {
            return Err(self.broken("nobody trusted has signed it"));
        }
        let statement = envelope.statement().map_err(|_| self.broken("what is signed is not a statement"))?;
        if statement.kind() != policy_kind() || statement.subjects.iter().all(|subject| subject.digest != self.policy) {
            return Err(self.broken("what is signed is about something else"));
        }
        let claim: EndorsementClaim =
            statement.predicate_as().map_err(|_| self.broken("what is signed has another shape"))?;
        if claim.environment != *self.environment {
            return Err(self.broken("it was signed for another environment"));
        }
        Ok((claim, signers))
    }

    fn broken(&self, why: &'static str) -> Error {
        Error::PolicyBroken { environment: self.environment.clone(), policy: self.policy, why }
    }
}

impl Registry {
    /// Verifies that the policies of an environment, up to an event, each replaced the one before it rightfully.
    pub(crate) async fn verify_policies(
        &self,
        state: &RegistryState,
        environment: &Environment,
        before: u64,
    ) -> Result<(), Error> {
        let records = state.policies_of(environment, before);
        let mut wanted = std::collections::BTreeMap::new();
        for record in records {
            wanted.insert(record.policy, "policy");
            wanted.insert(record.endorsement, "endorsement of the policy");
        }
        let papers = self.papers(wanted).await?;
        let mut previous: Option<(Digest, Policy)> = None;
        for (number, record) in (1..).zip(records) {
            let in_force = InForce { endorsement: record.endorsement, environment, policy: record.policy };
            let (claim, signers) = in_force.verify(&papers, &*self.trust)?;
            if claim.registry != self.name {
                return Err(in_force.broken("it was signed for another registry"));
            }
            if claim.number != number || claim.previous != previous.as_ref().map(|(digest, _)| *digest) {
                return Err(in_force.broken("it was signed to stand elsewhere in the line of policies"));
            }
            let may = |policy: &Policy| signers.iter().any(|signer| policy.may_amend(&signer.key));
            if previous.as_ref().is_some_and(|(_, policy)| !may(policy)) {
                return Err(in_force.broken("it was signed by nobody whom the policy before it names"));
            }
            previous = Some((record.policy, Policy::from_bytes(paper(&papers, &record.policy)?)?));
        }
        Ok(())
    }
}
