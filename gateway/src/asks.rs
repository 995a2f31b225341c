//! What the surface asks of the domains: one [`Ask`] for each message.

use std::time::Duration;

use actix_web::web::{Data, ServiceConfig};
use portico_kernel::Ask;
use portico_photo as photo;
use portico_session as session;
use portico_user as user;

use crate::settings::Settings;

/// Every message that the surface asks.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is documented where its message is")]
pub struct Asks {
    pub register: Ask<user::Register>,
    pub authenticate: Ask<user::Authenticate>,
    pub delete_account: Ask<user::DeleteAccount>,
    pub update_account: Ask<user::UpdateAccount>,
    pub get_user: Ask<user::GetUser>,
    pub validate_session: Ask<session::Validate>,
    pub list_sessions: Ask<session::List>,
    pub delete_session: Ask<session::Delete>,
    pub delete_other_sessions: Ask<session::DeleteOthers>,
    pub load_photo: Ask<photo::Load>,
    pub get_photo: Ask<photo::Get>,
    pub list_photos: Ask<photo::List>,
    pub summarize_photos: Ask<photo::Summarize>,
    pub open_photo: Ask<photo::Open>,
    pub delete_photo: Ask<photo::Delete>,
}

impl Asks {
    /// Lets the gateway's own deadlines decide. An upload may take as long as its body, at the least rate.
    pub(crate) fn within(self, settings: &Settings) -> Self {
        let limit = settings.request_timeout;
        let rate = settings.http.deadlines.body_min_bytes_per_s.max(1);
        let upload = Duration::from_secs(settings.upload_max_bytes / rate) + limit;
        Self {
            register: self.register.timeout(limit),
            authenticate: self.authenticate.timeout(limit),
            delete_account: self.delete_account.timeout(limit),
            update_account: self.update_account.timeout(limit),
            get_user: self.get_user.timeout(limit),
            validate_session: self.validate_session.timeout(limit),
            list_sessions: self.list_sessions.timeout(limit),
            delete_session: self.delete_session.timeout(limit),
            delete_other_sessions: self.delete_other_sessions.timeout(limit),
            load_photo: self.load_photo.timeout(upload),
            get_photo: self.get_photo.timeout(limit),
            list_photos: self.list_photos.timeout(limit),
            summarize_photos: self.summarize_photos.timeout(limit),
            open_photo: self.open_photo.timeout(limit),
            delete_photo: self.delete_photo.timeout(limit),
        }
    }

    /// Gives every handler the asks that it names.
    pub(crate) fn provide(self, config: &mut ServiceConfig) {
        config
            .app_data(Data::new(self.register))
            .app_data(Data::new(self.authenticate))
            .app_data(Data::new(self.delete_account))
            .app_data(Data::new(self.update_account))
            .app_data(Data::new(self.get_user))
            .app_data(Data::new(self.validate_session))
            .app_data(Data::new(self.list_sessions))
            .app_data(Data::new(self.delete_session))
            .app_data(Data::new(self.delete_other_sessions))
            .app_data(Data::new(self.load_photo))
            .app_data(Data::new(self.get_photo))
            .app_data(Data::new(self.list_photos))
            .app_data(Data::new(self.summarize_photos))
            .app_data(Data::new(self.open_photo))
            .app_data(Data::new(self.delete_photo));
    }
}
