/* Pictures, by MuPDF's own decoders and encoders. */
#include "base/error.h"
#include "raster/pdf/inside.h"

enum { MAX_SIDE = 1 << 20 }; /* of a bitmap (document/bitmap.h) */

/* A picture being decoded for picture.c. */
struct decoding {
    struct bytes bytes;
    fz_image *image;
    struct canvas canvas;
};

static void step_load_image(struct pdf *pdf, void *argument) {
    struct decoding *decoding = argument;
    fz_buffer *buffer = fz_new_buffer_from_shared_data(pdf->context, decoding->bytes.start, decoding->bytes.length);
    fz_try(pdf->context) { decoding->image = fz_new_image_from_buffer(pdf->context, buffer); }
    fz_always(pdf->context) { fz_drop_buffer(pdf->context, buffer); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

static void fill_image(struct pdf *pdf, struct decoding *decoding, fz_device *device) {
    fz_matrix place = fz_scale((float)decoding->image->w, (float)decoding->image->h);
    fz_try(pdf->context) {
        fz_fill_image(pdf->context, device, decoding->image, place, 1, fz_default_color_params);
        fz_close_device(pdf->context, device);
    }
    fz_always(pdf->context) { fz_drop_device(pdf->context, device); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

static void step_draw_image(struct pdf *pdf, void *argument) {
    struct decoding *decoding = argument;
    fz_pixmap *pixmap = white_pixmap(pdf->context, &decoding->canvas);
    fz_try(pdf->context) { fill_image(pdf, decoding, fz_new_draw_device(pdf->context, fz_identity, pixmap)); }
    fz_always(pdf->context) { fz_drop_pixmap(pdf->context, pixmap); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

static int decode_picture(struct pdf *pdf, struct decoding *decoding, uint64_t max_pixels) {
    int result = attempt(pdf, step_load_image, decoding);
    if (result != 0) {
        return result;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): step_load_image() has set it or thrown */
    uint64_t width = (uint64_t)decoding->image->w, height = (uint64_t)decoding->image->h;
    if (width > MAX_SIDE || height > MAX_SIDE || width * height > max_pixels) {
        return fail(ERR_TOO_LARGE, "%llu x %llu pixels, the limit is %llu", (unsigned long long)width,
                    (unsigned long long)height, (unsigned long long)max_pixels);
    }
    uint32_t channels = fz_colorspace_is_gray(pdf->context, decoding->image->colorspace) ? 1 : 3;
    result = canvas_new((uint32_t)width, (uint32_t)height, channels, 1, &decoding->canvas);
    return result == 0 ? attempt(pdf, step_draw_image, decoding) : result;
}

int pdf_decode_picture(const unsigned char *bytes, size_t length, uint64_t max_pixels, struct bitmap *ret_bitmap,
                       int *ret_fd) {
    struct pdf pdf = {0};
    struct decoding decoding = {.bytes = {bytes, length}, .canvas.fd = -1};
    int result = pdf_new_context(&pdf);
    if (result == 0) {
        result = decode_picture(&pdf, &decoding, max_pixels);
    }
    if (result == 0) {
        result = canvas_finish(&decoding.canvas, ret_bitmap, ret_fd);
    }
    canvas_drop(&decoding.canvas);
    fz_drop_image(pdf.context, decoding.image);
    fz_drop_context(pdf.context);
    return result;
}

/* Bits being compressed. */
struct fax {
    const unsigned char *bits;
    int width, height;
    fz_buffer *packed;
};

static void step_fax(struct pdf *pdf, void *argument) {
    struct fax *fax = argument;
    fax->packed = fz_compress_ccitt_fax_g4(pdf->context, fax->bits, fax->width, fax->height);
}

int pdf_compress_fax(const unsigned char *bits, uint32_t width, uint32_t height, struct buffer *to) {
    struct pdf pdf = {0};
    struct fax fax = {.bits = bits, .width = (int)width, .height = (int)height};
    int result = pdf_new_context(&pdf);
    result = result ? result : attempt(&pdf, step_fax, &fax);
    if (result == 0) {
        unsigned char *bytes = NULL;
        size_t length = fz_buffer_storage(pdf.context, fax.packed, &bytes);
        buffer_add(to, bytes, length);
    }
    fz_drop_buffer(pdf.context, fax.packed);
    fz_drop_context(pdf.context);
    return result;
}
