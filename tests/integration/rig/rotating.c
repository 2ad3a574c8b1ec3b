/* SPDX-License-Identifier: Apache-2.0 */

/* A module for Xorg, which can rotate and scale whatever its drivers show, if they have memory to do it in:
 * the dummy driver has none to give. All but that memory is the server's own. */

#include <xorg-server.h>

#include <extension.h>
#include <stdlib.h>
#include <xf86.h>
#include <xf86Crtc.h>
#include <xf86Module.h>
#include <xf86RandR12.h>

static void *allocate(xf86CrtcPtr crtc, int width, int height) {
        return calloc((size_t) width * (size_t) height, 4);
}

static PixmapPtr create(xf86CrtcPtr crtc, void *data, int width, int height) {
        return GetScratchPixmapHeader(xf86ScrnToScreen(crtc->scrn), width, height, crtc->scrn->depth, 32,
                                      width * 4, data);
}

static void destroy(xf86CrtcPtr crtc, PixmapPtr pixmap, void *data) {
        if (pixmap)
                FreeScratchPixmapHeader(pixmap);
        free(data);
}

/* The screens are there by now. */
static void init(void) {
        for (int i = 0; i < screenInfo.numScreens; i++) {
                ScreenPtr screen = screenInfo.screens[i];
                xf86CrtcConfigPtr config = XF86_CRTC_CONFIG_PTR(xf86ScreenToScrn(screen));

                for (int k = 0; k < config->num_crtc; k++) {
                        xf86CrtcFuncsRec *funcs = malloc(sizeof *funcs);

                        if (!funcs)
                                abort();
                        *funcs = *config->crtc[k]->funcs;
                        funcs->shadow_allocate = allocate;
                        funcs->shadow_create = create;
                        funcs->shadow_destroy = destroy;
                        config->crtc[k]->funcs = funcs;
                }
                xf86RandR12SetRotations(screen, RR_Rotate_0 | RR_Rotate_90 | RR_Rotate_180 | RR_Rotate_270);
                xf86RandR12SetTransformSupport(screen, TRUE);
        }
}

static void *setup(void *module, void *options, int *major, int *minor) {
        static const ExtensionModule extension = {init, "rotating", NULL};

        LoadExtensionList(&extension, 1, FALSE);
        return module;
}

static XF86ModuleVersionInfo version = {
        .modname = "rotating",
        .vendor = "oVirt",
        ._modinfo1_ = MODINFOSTRING1,
        ._modinfo2_ = MODINFOSTRING2,
        .xf86version = XORG_VERSION_CURRENT,
        .majorversion = 1,
        .abiclass = ABI_CLASS_EXTENSION,
        .abiversion = ABI_EXTENSION_VERSION,
        .moduleclass = MOD_CLASS_EXTENSION,
};

_X_EXPORT XF86ModuleData rotatingModuleData = {&version, setup, NULL};
