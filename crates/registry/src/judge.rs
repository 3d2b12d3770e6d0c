//! Judging a version for an environment, and judging it again.

use std::collections::BTreeMap;

use lineal_core::{Digest, Name};

use crate::{
    Alias, AliasRef, Environment, Error, Policy, Registry, RegistryState, Verdict,
    case::{self, Case, Papers},
    decision::{Basis, Decision, Incumbent, SeenEvidence},
    evaluate::evaluate,
    registry::find,
    state::Decided,
};

impl Registry {
    /// Judges a version by the policy of an environment as things stand, without recording anything.
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`], [`Error::NoPolicy`], [`Error::PolicyBroken`], [`Error::Unreadable`], [`Error::Store`].
    pub async fn evaluate(&self, model: &Name, version: u64, environment: &Environment) -> Result<Verdict, Error> {
        let state = self.journal.snapshot().await?.state;
        Ok(self.judge(&state, model, version, environment).await?.1)
    }

    /// Judges a recorded decision again, from storage alone, and returns the verdict: rule for rule the recorded one, in the
    /// words of this release.
    ///
    /// Holds for ever, as long as the keys whose signatures it rests on stay trusted. Reads the policy, the evidence and
    /// the schemas; not the models.
    ///
    /// # Errors
    /// [`Error::DecisionBroken`] if what it rests on, or what came out, is not what is stored; [`Error::SignerLost`],
    /// [`Error::PolicyBroken`], [`Error::Unreadable`], [`Error::Malformed`] for what does not verify;
    /// [`Error::NoSuchDecision`].
    pub async fn recheck(&self, decision: &Digest) -> Result<Verdict, Error> {
        let state = self.journal.snapshot().await?.state;
        self.verify_decision(&state, decision).await.map(|(_, verdict)| verdict)
    }

    /// Judges a version as of the end of `state`.
    pub(crate) async fn judge(
        &self,
        state: &RegistryState,
        model: &Name,
        number: u64,
        environment: &Environment,
    ) -> Result<(Basis, Verdict, Vec<Alias>), Error> {
        let version = find(state, model, number)?;
        let policy = state.policies_of(environment, u64::MAX).last();
        let digest = policy.ok_or_else(|| Error::NoPolicy { environment: environment.clone() })?.policy;
        self.verify_policies(state, environment, u64::MAX).await?;
        let policy = Policy::from_bytes(&self.paper("policy", &digest).await?)?;
        let mut basis = Basis {
            at: self.now(),
            environment: environment.clone(),
            evidence: Vec::new(),
            incumbents: incumbents(state, model, environment, &policy, u64::MAX),
            model: model.clone(),
            policy: digest,
            subject: version.digest,
            version: number,
        };
        let attached = state.evidence_of(version, u64::MAX);
        let envelopes = self.papers(attached.iter().map(|seen| (seen.digest, "evidence")).collect()).await?;
        for seen in attached {
            let signers = case::signers(&case::envelope(&envelopes, &seen.digest)?, &*self.trust);
            basis.evidence.push(SeenEvidence { digest: seen.digest, signers });
        }
        let papers = self.papers_of(&basis, state, envelopes).await?;
        let verdict = evaluate(&Case::assemble(&basis, &version.record, &papers, &*self.trust)?);
        Ok((basis, verdict, policy.aliases().into_iter().cloned().collect()))
    }

    /// Judges a decision again and compares everything with what is stored; returns what is recorded and what came out.
    pub(crate) async fn verify_decision(
        &self,
        state: &RegistryState,
        digest: &Digest,
    ) -> Result<(Decision, Verdict), Error> {
        let decided = state.decisions.get(digest).ok_or(Error::NoSuchDecision { digest: *digest })?;
        let Decided { decision, tick } = &**decided;
        let basis = &decision.basis;
        let broken = |why| Error::DecisionBroken { decision: *digest, why };
        let version = find(state, &basis.model, basis.version)?;
        if version.record.registry != self.name || version.record.model != basis.model {
            return Err(broken("the version belongs to another registry or model"));
        }
        self.verify_policies(state, &basis.environment, *tick).await?;
        let papers = self.papers_of(basis, state, Papers::new()).await?;
        let case = Case::assemble(basis, &version.record, &papers, &*self.trust)?;
        let aliases: Vec<Alias> = case.policy.aliases().into_iter().cloned().collect();
        if let Some(why) = differs(state, basis, &aliases, *tick) {
            return Err(broken(why));
        }
        let verdict = evaluate(&case);
        if !verdict.agrees(&decision.verdict) {
            return Err(broken("the verdict is another"));
        }
        Ok((decision.clone(), verdict))
    }

    /// Reads what a case is made of, beside what is at hand.
    async fn papers_of(&self, basis: &Basis, state: &RegistryState, mut at_hand: Papers) -> Result<Papers, Error> {
        let version = find(state, &basis.model, basis.version)?;
        let mut wanted = case::needed(basis, &version.record);
        wanted.retain(|digest, _| !at_hand.contains_key(digest));
        at_hand.extend(self.papers(wanted).await?);
        Ok(at_hand)
    }
}

/// Returns what a basis does not share with the state as it was before an event, if anything.
pub(crate) fn differs(state: &RegistryState, basis: &Basis, aliases: &[Alias], before: u64) -> Option<&'static str> {
    let version = state.version(&basis.model, basis.version)?;
    let in_force = state.policies_of(&basis.environment, before).last().map(|record| record.policy);
    let attached = state.evidence_of(version, before);
    let same_evidence = attached.iter().map(|seen| seen.digest).eq(basis.evidence.iter().map(|seen| seen.digest));
    let held = holders(state, &basis.model, &basis.environment, aliases, before);
    if version.digest != basis.subject {
        Some("it speaks of another version")
    } else if in_force != Some(basis.policy) {
        Some("another policy was in force")
    } else if !same_evidence {
        Some("other evidence was attached than it has seen")
    } else if held != basis.incumbents {
        Some("other versions were in use than it says")
    } else {
        None
    }
}

fn incumbents(
    state: &RegistryState,
    model: &Name,
    environment: &Environment,
    policy: &Policy,
    before: u64,
) -> BTreeMap<Alias, Incumbent> {
    let aliases: Vec<Alias> = policy.aliases().into_iter().cloned().collect();
    holders(state, model, environment, &aliases, before)
}

fn holders(
    state: &RegistryState,
    model: &Name,
    environment: &Environment,
    aliases: &[Alias],
    before: u64,
) -> BTreeMap<Alias, Incumbent> {
    let find = |alias: &Alias| {
        let target = AliasRef { alias: alias.clone(), environment: environment.clone(), model: model.clone() };
        Some((alias.clone(), state.incumbent(&target, before)?))
    };
    aliases.iter().filter_map(find).collect()
}
