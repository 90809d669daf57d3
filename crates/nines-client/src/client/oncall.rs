//! Who is on call, what keeps calls away from them, and the browsers that take calls.

use nines_api::*;

use super::Client;
use crate::ClientError;
use crate::call::Call;

impl Client {
    pub async fn oncall(&self) -> Result<OncallResponse, ClientError> {
        self.ask(Call::new("oncall")).await
    }

    pub async fn shifts(
        &self,
        schedule: &str,
        start: Option<&str>,
        end: Option<&str>,
    ) -> Result<ShiftsResponse, ClientError> {
        self.ask(Call::new("shifts").parameter(schedule).query("start", start).query("end", end)).await
    }

    pub async fn take_shift(
        &self,
        schedule: &str,
        request: &TakeRequest,
    ) -> Result<OverridesResponse, ClientError> {
        self.tell(Call::new("take_shift").parameter(schedule), request).await
    }

    pub async fn swap_shifts(
        &self,
        schedule: &str,
        request: &SwapRequest,
    ) -> Result<OverridesResponse, ClientError> {
        self.tell(Call::new("swap_shifts").parameter(schedule), request).await
    }

    /// `from` is grafana, pagerduty or goalert; `export` its JSON.
    pub async fn import_oncall(
        &self,
        from: &str,
        export: Vec<u8>,
        dry_run: bool,
    ) -> Result<ImportResponse, ClientError> {
        let call =
            Call::new("oncall_import").query("from", Some(from)).query("dry_run", dry_run.then_some("true"));
        self.ask(call.raw("application/json", export)).await
    }

    pub async fn silences(&self) -> Result<SilencesResponse, ClientError> {
        self.ask(Call::new("silences")).await
    }

    pub async fn silence(
        &self,
        request: &SilenceRequest,
        dry_run: bool,
    ) -> Result<SilenceResponse, ClientError> {
        self.tell(Call::new("silence").query("dry_run", dry_run.then_some("true")), request).await
    }

    pub async fn end_silence(&self, id: &str) -> Result<(), ClientError> {
        self.done(Call::new("end_silence").parameter(id)).await
    }

    pub async fn browsers(&self) -> Result<BrowsersResponse, ClientError> {
        self.ask(Call::new("browsers")).await
    }

    pub async fn test_browser(&self, id: &str) -> Result<Browser, ClientError> {
        self.ask(Call::new("test_browser").parameter(id)).await
    }

    pub async fn remove_browser(&self, id: &str) -> Result<(), ClientError> {
        self.done(Call::new("remove_browser").parameter(id)).await
    }
}
