package provider

import (
	"net/url"
	"strings"
)

// media writes an image, a sound, a file or a video: by value, or by an address
// that Google's servers read themselves.
func (e *geminiEncoding) media(at string, part Part) (geminiPart, *Error) {
	media := part.Media
	if media.Detail != "" && media.Detail != "auto" {
		e.adjusted.note("messages[].content[].image_url.detail", "dropped", "Gemini chooses the resolution itself")
	}
	mimeType := mimeTypeOf(part)
	if media.Data != "" {
		if mimeType == "" {
			return geminiPart{}, e.typeless(at, part)
		}
		return geminiPart{InlineData: &geminiBlob{mimeType, media.Data}}, nil
	}
	address := media.URL
	if address == "" {
		address = media.ID
		if name, ok := strings.CutPrefix(media.ID, "files/"); ok && !e.vertex {
			base, _, _ := strings.Cut(e.row.Endpoint, "?")
			address = base + "/files/" + name
		}
	}
	where, err := url.Parse(address)
	web := err == nil && (where.Scheme == "https" || where.Scheme == "http")
	uploaded := web && !e.vertex && strings.Contains(where.Path, "/files/") && (where.Host == googleFiles || where.Host == hostOf(e.row.Endpoint))
	switch {
	case err == nil && where.Scheme == "gs", uploaded, web && isYouTube(where.Hostname()):
	case web && e.vertex:
		if mimeType == "" {
			return geminiPart{}, e.typeless(at, part)
		}
	case web:
		return geminiPart{}, &Error{
			Kind: InvalidRequest, Message: at + "." + string(part.Type) + ": got the address " + quote([]byte(address)) + ", allowed: the data itself, a file of Gemini's Files API, gs:// or a YouTube video, since the Gemini API does not download from elsewhere",
			Next: "Download it and send it as data:TYPE;base64,DATA, or use a model at Vertex AI.",
		}
	default:
		allowed := "files/NAME of Gemini's Files API, gs://"
		if e.vertex {
			allowed = "gs:// or https://, since Vertex AI has no Files API"
		}
		return geminiPart{}, &Error{
			Kind: InvalidRequest, Message: at + "." + string(part.Type) + ".file_id: got " + quote([]byte(address)) + ", allowed: " + allowed,
			Next: "Send the data itself as data:TYPE;base64,DATA.",
		}
	}
	if mimeType == "" && web && isYouTube(where.Hostname()) {
		mimeType = "video/mp4"
	}
	if mimeType == "" && e.vertex {
		return geminiPart{}, e.typeless(at, part)
	}
	return geminiPart{FileData: &geminiFile{mimeType, address}}, nil
}

// googleFiles is the host of the Files API.
const googleFiles = "generativelanguage.googleapis.com"

func isYouTube(host string) bool {
	host = strings.ToLower(host)
	return host == "youtu.be" || host == "youtube.com" || strings.HasSuffix(host, ".youtube.com")
}

// typeless refuses media of which nothing says what they are.
func (e *geminiEncoding) typeless(at string, part Part) *Error {
	return &Error{
		Kind: InvalidRequest, Message: at + "." + string(part.Type) + ": got media of an unknown type, allowed: an address or file name with an ending such as .png, or data:TYPE;base64,DATA, since Gemini wants to be told the type",
		Next: `Name the type, for images as "format": "image/png" beside the url.`,
	}
}

// mimeTypeOf is the media type that a part names, or that the ending of its
// address or file name tells; empty where nothing does.
func mimeTypeOf(part Part) string {
	if mimeType := part.Media.Type; mimeType != "" {
		if !strings.Contains(mimeType, "/") { // format: png
			return endings["."+strings.ToLower(mimeType)]
		}
		if mimeType == "image/jpg" {
			return "image/jpeg" // the same, by its right name
		}
		return mimeType
	}
	path := part.Media.URL
	if address, err := url.Parse(path); err == nil {
		path = address.Path
	}
	for _, name := range []string{path, part.Media.Filename, part.Media.ID} {
		if dot := strings.LastIndex(name, "."); dot >= 0 {
			if mimeType := endings[strings.ToLower(name[dot:])]; mimeType != "" {
				return mimeType
			}
		}
	}
	return ""
}

// endings are the media types that Gemini reads, by the endings of names.
// https://ai.google.dev/gemini-api/docs/file-input-methods
var endings = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
	".gif": "image/gif", ".heic": "image/heic", ".heif": "image/heif", ".bmp": "image/bmp",
	".wav": "audio/wav", ".mp3": "audio/mp3", ".aiff": "audio/aiff", ".aac": "audio/aac", ".ogg": "audio/ogg",
	".flac": "audio/flac", ".m4a": "audio/m4a", ".opus": "audio/opus",
	".mp4": "video/mp4", ".mpeg": "video/mpeg", ".mpg": "video/mpg", ".mov": "video/mov", ".avi": "video/avi",
	".flv": "video/x-flv", ".webm": "video/webm", ".wmv": "video/wmv", ".3gp": "video/3gpp",
	".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/markdown", ".html": "text/html",
	".csv": "text/csv", ".xml": "text/xml", ".json": "application/json", ".css": "text/css", ".rtf": "text/rtf",
}
